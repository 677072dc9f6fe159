/*
 * fastcgi.h
 *	  The FastCGI protocol, as far as a responder behind nginx needs it.
 *
 * One connection carries one request.  It is read by the thread that accepted
 * it: parameters, then the body, each to its end; it may be written and closed
 * by another thread, later.
 *
 * Nothing here waits without an end, and nothing is trusted: every length is
 * checked against what is there, and what a request may take is bounded
 * before it is taken.  Keeping connections and several requests on one are
 * not done, though a web server may ask for the first.
 */
#ifndef TALLY_FASTCGI_H
#define TALLY_FASTCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "arena.h"

/* What nginx sends of a request is at most its header buffers, 80 kB, and
 * some parameters of its own. */
#define FASTCGI_MAX_PARAMS_BYTES ((size_t) 128 * 1024)
#define FASTCGI_MAX_PARAMS 1024

/* What is read in one go: head and body of an ordinary event at once. */
#define FASTCGI_WINDOW_BYTES ((size_t) 64 * 1024)

enum fastcgi_result
{
	FASTCGI_OK,
	FASTCGI_CLOSED,	   /* the peer left, or said to give up */
	FASTCGI_LATE,	   /* nothing came by the deadline */
	FASTCGI_BROKEN,	   /* not FastCGI, or none that is served here */
	FASTCGI_TOO_LARGE, /* more parameters than are taken */
	FASTCGI_NO_MEMORY,
};

struct fastcgi_param
{
	const char *name; /* both end in a NUL and have none inside */
	const char *value;
};

struct fastcgi
{
	int fd; /* -1: none */
	uint16_t id;

	/* Reading. */
	uint8_t *window;	 /* the accepting thread's, FASTCGI_WINDOW_BYTES */
	size_t at;			 /* in it: read from here ... */
	size_t end;			 /* ... to here */
	int64_t deadline_ms; /* for the next byte; then it is the one below */
	int64_t read_ms;
	/* As read(2) of up to "len" bytes; 0 at the end, -1 with errno set.
	 * Tests and fuzzers bring their own. */
	ssize_t (*receive)(struct fastcgi *f, void *data, size_t len);
	void *receive_arg;
	uint8_t type; /* of the record that is read */
	size_t left;  /* of its content */
	size_t padding;
	bool body_ended;

	size_t nparams;
	const struct fastcgi_param *params;
};

/*
 * Begins with a connection accepted at "now_ms" (clock_mono_ms()), which is
 * the structure's from here on.  nginx has a request whole before it connects:
 * who says nothing for the first time, or is not done by the second, is ill,
 * and a thread waits for it.
 */
#define FASTCGI_SILENT_MS 500
#define FASTCGI_READ_MS 2000
void fastcgi_begin(struct fastcgi *f, int fd, uint8_t *window, int64_t now_ms);

/* The request's beginning and all its parameters, into the arena. */
enum fastcgi_result fastcgi_read_params(struct fastcgi *f,
										struct arena *arena);

/* The first parameter of that name, or NULL. */
const char *fastcgi_param(const struct fastcgi *f, const char *name);

/* The next bytes of the body, at most "len"; *got is 0 at its end alone. */
enum fastcgi_result fastcgi_read_body(struct fastcgi *f, void *data,
									  size_t len, size_t *got);

/*
 * Sends "n" parts, at most FASTCGI_MAX_PARTS, as output; with "last" also
 * what ends the request.  False when the peer is gone, or took nothing for
 * FASTCGI_SEND_MS.
 */
#define FASTCGI_MAX_PARTS 4
#define FASTCGI_SEND_MS 5000
bool fastcgi_write(struct fastcgi *f, const struct iovec *parts, int n,
				   bool last);

/*
 * Sends what is no FastCGI: so that the web server sees, and lets its client
 * see, that an answer which it has begun to pass on is not whole.
 */
void fastcgi_break(struct fastcgi *f);

void fastcgi_close(struct fastcgi *f);

#endif
