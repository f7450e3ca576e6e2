/* How does a keeper write to disks without ever waiting for one? It tells a small process of its own, the scribe. */
#ifndef VES_SCRIBE_H
#define VES_SCRIBE_H

#include "json.h"

/* What is longer is not written. */
enum { SCRIBE_BYTES_MAX = 8 * 1024 };

/*
 * Starts the scribe. Log lines go to `log_file`, NULL for standard error; cells replace `cell_file`. The paths must stay.
 * False, with errno, when the log's directory cannot be made.
 */
bool scribe_start(const char *node, const char *log_file, const char *cell_file);
/* One fact: open it, add fields (`,"name":value`), close it. A level is for what a person should look at. */
struct text *log_open(const char *event);
struct text *log_alarm(const char *event);
void log_close(struct text *fact);
/* Remembers a cell for the next start. The newest that could not be handed over yet is kept. */
void scribe_save_cell(const char *line, size_t length);
/* Tries again what could not be handed over. True while there is something. */
bool scribe_retry(void);
/* Waits until all is written, but not for ever. */
void scribe_finish(void);

#endif
