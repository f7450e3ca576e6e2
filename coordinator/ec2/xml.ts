/**
 * How is text written into XML? Escaped, and without the characters that XML 1.0 cannot hold at all.
 */

/* oxlint-disable no-control-regex -- naming the control characters is the point */
const SPECIAL = /[&<>"'\u0000-\u0008\u000b\u000c\u000d\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/;
const EACH_SPECIAL = /[&<>"'\u0000-\u0008\u000b\u000c\u000d\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g;
/* oxlint-enable no-control-regex */

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '\r': '&#13;' };

/** The text, safe between tags and in attributes. What XML cannot hold becomes U+FFFD (replacement character). */
export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replace(EACH_SPECIAL, (found) => ENTITIES[found] ?? (found.length === 2 ? found : '\ufffd'));
}
