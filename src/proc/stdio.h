/* SPDX-License-Identifier: MIT */
/*
 * proc/stdio.h - the three descriptors that every program has
 */
#ifndef BL__PROC_STDIO_H
#define BL__PROC_STDIO_H

#include <belay/process.h>

/* What was opened for a child; -1 is none. */
struct bl__stdio {
    int child[3];  /* what becomes 0, 1 and 2 */
    int opened[3]; /* those of `child` that are ours to close */
    int parent[3]; /* our ends of pipes */
    int terminal;  /* our side of a terminal */
    int slave;     /* the child's */
};

/* Opens what the options say; nothing is left open if it fails. */
int bl__stdio_open(struct bl__stdio *stdio, const bl_process_options *options);

/* Closes the child's ends / all that is still open. */
void bl__stdio_close_child(struct bl__stdio *stdio);
void bl__stdio_close(struct bl__stdio *stdio);

/* Tells a terminal how large it is. */
int bl__stdio_resize(int terminal, unsigned short rows, unsigned short columns);

#endif
