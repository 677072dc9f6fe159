/*
 * quarantine.c
 *	  Queries that did harm a moment ago: tables that are walked.
 *
 * They are looked at once a computation, which costs a thousand times as much.
 */
#include "quarantine.h"

#include <stdlib.h>

#include "log.h"
#include "quarantine_board.h"

struct quarantine
{
	int64_t length_ms;
	int64_t entered;
	struct quarantine_access access;
};

static struct quarantine_row *
row_of(const struct quarantine *quarantine, int row)
{
	return &quarantine->access.board->rows[row];
}

static struct quarantine_row *
own_row(const struct quarantine *quarantine)
{
	return row_of(quarantine, quarantine->access.own);
}

/* ------------------------------------------------------------------------
 * Places
 */

/*
 * find -- the fingerprint's place in a row.
 *
 * The row may be another's, who gives the place to another query meanwhile: that
 * clears the time first and sets it last, so the fingerprint is compared before
 * and after.
 */
static struct quarantine_place *
find(struct quarantine_row *row, uint64_t fingerprint, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < QUARANTINE_PLACES; i++)
	{
		struct quarantine_place *place = &row->places[i];

		if (atomic_load_explicit(&place->fingerprint, memory_order_relaxed) ==
				fingerprint &&
			now_ms < place->until_ms && place->fingerprint == fingerprint)
			return place;
	}
	return NULL;
}

/* take -- the fingerprint's own place, or the one that is free first. */
static struct quarantine_place *
take(const struct quarantine *quarantine, uint64_t fingerprint, int64_t now_ms)
{
	struct quarantine_row *row = own_row(quarantine);
	struct quarantine_place *best = find(row, fingerprint, now_ms);
	size_t i;

	if (best != NULL)
		return best;
	best = &row->places[0];
	for (i = 1; i < QUARANTINE_PLACES; i++)
		if (row->places[i].until_ms < best->until_ms)
			best = &row->places[i];
	best->until_ms = 0;
	best->reason = QUARANTINE_NONE;
	best->losses = 0;
	best->fingerprint = fingerprint;
	return best;
}

static void
enter(struct quarantine *quarantine, struct quarantine_place *place,
	  enum quarantine_reason reason)
{
	if (quarantine->length_ms == 0)
		return;
	place->reason = reason;
	quarantine->entered++;
}

static void
put(struct quarantine *quarantine, uint64_t fingerprint, int64_t now_ms,
	enum quarantine_reason reason)
{
	struct quarantine_place *place = take(quarantine, fingerprint, now_ms);

	enter(quarantine, place, reason);
	place->until_ms = now_ms + quarantine->length_ms;
}

void
quarantine_timeout(struct quarantine *quarantine, uint64_t fingerprint,
				   int64_t now_ms)
{
	put(quarantine, fingerprint, now_ms, QUARANTINE_TIMEOUT);
}

/* losses_elsewhere -- what the other programs have counted. */
static int
losses_elsewhere(const struct quarantine *quarantine, uint64_t fingerprint,
				 int64_t now_ms)
{
	int losses = 0;
	int i;

	for (i = 0; i < quarantine->access.board->rows_used; i++)
	{
		const struct quarantine_place *place =
			find(row_of(quarantine, i), fingerprint, now_ms);

		if (place != NULL && i != quarantine->access.own)
			losses += place->losses;
	}
	return losses;
}

/* lose -- something was lost while it ran: with one too many it is the fault
 * of the query. */
static void
lose(struct quarantine *quarantine, uint64_t fingerprint, int64_t now_ms,
	 enum quarantine_reason reason)
{
	const int elsewhere = losses_elsewhere(quarantine, fingerprint, now_ms);
	struct quarantine_place *place = take(quarantine, fingerprint, now_ms);

	if (place->reason == QUARANTINE_NONE &&
		++place->losses + elsewhere >= QUARANTINE_LOSSES)
		enter(quarantine, place, reason);
	place->until_ms = now_ms + quarantine->length_ms;
}

void
quarantine_loss(struct quarantine *quarantine, uint64_t fingerprint,
				int64_t now_ms)
{
	lose(quarantine, fingerprint, now_ms, QUARANTINE_LOST);
}

/* ------------------------------------------------------------------------
 * What runs, and those who died over it
 */

void
quarantine_begin(struct quarantine *quarantine, int slot, uint64_t fingerprint)
{
	own_row(quarantine)->running[slot] = fingerprint;
}

void
quarantine_end(struct quarantine *quarantine, int slot)
{
	own_row(quarantine)->running[slot] = 0;
}

static bool
runs(const struct quarantine_row *row, uint64_t fingerprint)
{
	size_t i;

	for (i = 0; i < QUARANTINE_SLOTS; i++)
		if (row->running[i] == fingerprint)
			return true;
	return false;
}

static void
log_death(int suspects, int64_t entered)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARN, "tally_read_died");
	log_int(&line, "queries_running", suspects);
	log_int(&line, "quarantined", entered);
	log_end(&line);
}

/* unmark -- one query of the row, in all its slots. */
static void
unmark(struct quarantine_row *row, uint64_t fingerprint)
{
	size_t i;

	for (i = 0; i < QUARANTINE_SLOTS; i++)
		if (row->running[i] == fingerprint)
			row->running[i] = 0;
}

/* count_running -- how many queries, each once. */
static int
count_running(const struct quarantine_row *row)
{
	int count = 0;
	size_t i;
	size_t j;

	for (i = 0; i < QUARANTINE_SLOTS; i++)
	{
		for (j = 0; j < i && row->running[j] != row->running[i]; j++)
			;
		if (row->running[i] != 0 && j == i)
			count++;
	}
	return count;
}

/* bury -- the row's owner died over one of its queries; its lock is ours. */
static void
bury(struct quarantine *quarantine, struct quarantine_row *row, int64_t now_ms)
{
	const int64_t before = quarantine->entered;
	const int suspects = count_running(row);
	size_t i;

	for (i = 0; i < QUARANTINE_SLOTS; i++)
	{
		const uint64_t fingerprint = row->running[i];

		if (fingerprint == 0)
			continue;
		if (suspects == 1)
			put(quarantine, fingerprint, now_ms, QUARANTINE_KILLED);
		else
			lose(quarantine, fingerprint, now_ms, QUARANTINE_KILLED);
		unmark(row, fingerprint);
	}
	if (suspects > 0)
		log_death(suspects, quarantine->entered - before);
}

/* bury_who_ran -- of those who died, whoever ran that query. */
static void
bury_who_ran(struct quarantine *quarantine, uint64_t fingerprint,
			 int64_t now_ms)
{
	int i;

	for (i = 0; i < quarantine->access.board->rows_used; i++)
	{
		struct quarantine_row *row = row_of(quarantine, i);

		if (i == quarantine->access.own || !runs(row, fingerprint) ||
			!quarantine_board_take(&quarantine->access, i))
			continue;
		bury(quarantine, row, now_ms);
		quarantine_board_let_go(&quarantine->access, i);
	}
}

/* ------------------------------------------------------------------------
 * Asking
 */

/* known -- the longest that any program says. */
static enum quarantine_reason
known(const struct quarantine *quarantine, uint64_t fingerprint,
	  int64_t now_ms, int64_t *left_ms)
{
	enum quarantine_reason reason = QUARANTINE_NONE;
	int i;

	*left_ms = 0;
	for (i = 0; i < quarantine->access.board->rows_used; i++)
	{
		const struct quarantine_place *place =
			find(row_of(quarantine, i), fingerprint, now_ms);
		const int64_t left = place != NULL ? place->until_ms - now_ms : 0;

		if (left <= *left_ms || place->reason == QUARANTINE_NONE)
			continue;
		*left_ms = left;
		reason = (enum quarantine_reason) place->reason;
	}
	return reason;
}

enum quarantine_reason
quarantine_find(struct quarantine *quarantine, uint64_t fingerprint,
				int64_t now_ms, int64_t *left_ms)
{
	bury_who_ran(quarantine, fingerprint, now_ms);
	return known(quarantine, fingerprint, now_ms, left_ms);
}

int
quarantine_count(const struct quarantine *quarantine, int64_t now_ms)
{
	const struct quarantine_row *row = own_row(quarantine);
	int count = 0;
	size_t i;

	for (i = 0; i < QUARANTINE_PLACES; i++)
		if (now_ms < row->places[i].until_ms &&
			row->places[i].reason != QUARANTINE_NONE)
			count++;
	return count;
}

int64_t
quarantine_entered(const struct quarantine *quarantine)
{
	return quarantine->entered;
}

uint64_t
quarantine_fingerprint(const struct quarantine *quarantine, const void *query,
					   size_t len)
{
	const uint64_t hash =
		siphash(&quarantine->access.board->secret, query, len);

	return hash != 0 ? hash : 1; /* 0 is no mark */
}

/* ------------------------------------------------------------------------
 * Begin and end
 */

/* open_board -- shared if that can be. */
static bool
open_board(struct quarantine *quarantine, const char *file)
{
	struct log_line line;
	const char *why;

	if (file[0] != '\0')
	{
		if (quarantine_board_open(&quarantine->access, file, &why))
			return true;
		log_begin(&line, LOG_LEVEL_WARN, "quarantine_not_shared");
		log_str(&line, "file", file);
		log_str(&line, "error", why);
		log_end(&line);
	}
	return quarantine_board_alone(&quarantine->access);
}

struct quarantine *
quarantine_new(const char *file, int64_t length_ms, int64_t now_ms)
{
	struct quarantine *quarantine = calloc(1, sizeof(*quarantine));

	if (quarantine == NULL)
		return NULL;
	quarantine->length_ms = length_ms;
	if (!open_board(quarantine, file))
	{
		free(quarantine);
		return NULL;
	}
	/* who had the row before */
	bury(quarantine, own_row(quarantine), now_ms);
	return quarantine;
}

void
quarantine_leave(struct quarantine *quarantine)
{
	int i;

	for (i = 0; i < QUARANTINE_SLOTS; i++)
		quarantine_end(quarantine, i);
}

void
quarantine_free(struct quarantine *quarantine)
{
	if (quarantine == NULL)
		return;
	quarantine_leave(quarantine);
	quarantine_board_close(&quarantine->access);
	free(quarantine);
}
