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

/* As long as a quarantine can be (setting quarantine_ms). */
#define LONGEST_MS 3600000
/* Connections that are lost so soon one after the other are so for one reason. */
#define LOSSES_APART_MS 1000

struct quarantine
{
	int64_t length_ms;
	int64_t entered;
	_Atomic bool left;
	struct quarantine_access access;
};

static struct quarantine_row *
row_of(const struct quarantine *quarantine, int row)
{
	return &quarantine->access.board->rows[row];
}

/* rows_used -- however wrong what stands there is. */
static int
rows_used(const struct quarantine *quarantine)
{
	const int rows = quarantine->access.board->rows_used;

	return rows < 0 || rows > quarantine->access.rows ? quarantine->access.rows
													  : rows;
}

static struct quarantine_row *
own_row(const struct quarantine *quarantine)
{
	return row_of(quarantine, quarantine->access.own);
}

/* ------------------------------------------------------------------------
 * Places
 */

/* What a place says; "place" is NULL where there is none. */
struct found
{
	struct quarantine_place *place;
	int64_t until_ms;
	int64_t lost_ms;
	enum quarantine_reason reason;
	int losses;
};

/* look -- is it the fingerprint's? */
static bool
look(struct quarantine_place *place, uint64_t fingerprint, int64_t now_ms,
	 struct found *found)
{
	int reason;

	if (atomic_load_explicit(&place->fingerprint, memory_order_relaxed) !=
		fingerprint)
		return false;
	reason = place->reason;
	*found = (struct found){.place = place,
							.until_ms = place->until_ms,
							.lost_ms = place->lost_ms,
							.reason = (enum quarantine_reason) reason,
							.losses = place->losses};
	/* a file may hold anything */
	return place->fingerprint == fingerprint && now_ms < found->until_ms &&
		   found->until_ms - now_ms <= LONGEST_MS && reason >= 0 &&
		   reason < QUARANTINE__REASONS;
}

/*
 * find -- the fingerprint's place in a row.
 *
 * The row may be another's, who gives the place to another query meanwhile: that
 * clears the time first and sets it last, so the fingerprint is compared before
 * and after.
 */
static struct found
find(struct quarantine_row *row, uint64_t fingerprint, int64_t now_ms)
{
	struct found found = {.place = NULL};
	size_t i;

	for (i = 0; i < QUARANTINE_PLACES; i++)
		if (look(&row->places[i], fingerprint, now_ms, &found))
			return found;
	return (struct found){.place = NULL};
}

/* take -- the fingerprint's own place, or the one that is free first. */
static struct quarantine_place *
take(const struct quarantine *quarantine, uint64_t fingerprint, int64_t now_ms)
{
	struct quarantine_row *row = own_row(quarantine);
	struct quarantine_place *best = find(row, fingerprint, now_ms).place;
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
	best->lost_ms = now_ms;
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

/* losses_elsewhere -- what the other programs have counted; but not for what
 * has just happened to all of them. */
static int
losses_elsewhere(const struct quarantine *quarantine, uint64_t fingerprint,
				 int64_t now_ms, int64_t apart_ms)
{
	int losses = 0;
	int i;

	for (i = 0; i < rows_used(quarantine); i++)
	{
		const struct found found =
			find(row_of(quarantine, i), fingerprint, now_ms);

		if (found.place == NULL || i == quarantine->access.own)
			continue;
		losses += found.losses;
		if (found.losses > 0 && now_ms - found.lost_ms < apart_ms)
			losses--;
	}
	return losses;
}

/*
 * lose -- something was lost while it ran: with one too many it is the fault of
 * the query.
 *
 * A database that ends all its connections is lost once, however many ran it:
 * what comes less than "apart_ms" after another loss is that one.
 */
static void
lose(struct quarantine *quarantine, uint64_t fingerprint, int64_t now_ms,
	 int64_t apart_ms, enum quarantine_reason reason)
{
	const int elsewhere =
		losses_elsewhere(quarantine, fingerprint, now_ms, apart_ms);
	struct quarantine_place *place = take(quarantine, fingerprint, now_ms);

	place->until_ms = now_ms + quarantine->length_ms;
	if (place->losses > 0 && now_ms - place->lost_ms < apart_ms)
		return;
	place->lost_ms = now_ms;
	if (place->reason == QUARANTINE_NONE &&
		++place->losses + elsewhere >= QUARANTINE_LOSSES)
		enter(quarantine, place, reason);
}

void
quarantine_loss(struct quarantine *quarantine, uint64_t fingerprint,
				int64_t now_ms)
{
	lose(quarantine, fingerprint, now_ms, LOSSES_APART_MS, QUARANTINE_LOST);
}

/* ------------------------------------------------------------------------
 * What runs, and those who died over it
 */

void
quarantine_begin(struct quarantine *quarantine, int slot, uint64_t fingerprint)
{
	if (!quarantine->left)
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
			lose(quarantine, fingerprint, now_ms, 0, QUARANTINE_KILLED);
		unmark(row, fingerprint);
	}
	if (suspects > 0)
		log_death(suspects, quarantine->entered - before);
}

/* bury_dead -- those who died while they ran that query; 0: any. */
static void
bury_dead(struct quarantine *quarantine, uint64_t fingerprint, int64_t now_ms)
{
	int i;

	for (i = 0; i < rows_used(quarantine); i++)
	{
		struct quarantine_row *row = row_of(quarantine, i);

		if (i == quarantine->access.own ||
			(fingerprint != 0 && !runs(row, fingerprint)) ||
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
	for (i = 0; i < rows_used(quarantine); i++)
	{
		const struct found found =
			find(row_of(quarantine, i), fingerprint, now_ms);

		if (found.place == NULL || found.reason == QUARANTINE_NONE ||
			found.until_ms - now_ms <= *left_ms)
			continue;
		*left_ms = found.until_ms - now_ms;
		reason = found.reason;
	}
	return reason;
}

enum quarantine_reason
quarantine_find(struct quarantine *quarantine, uint64_t fingerprint,
				int64_t now_ms, int64_t *left_ms)
{
	*left_ms = 0;
	if (quarantine->length_ms == 0)
		return QUARANTINE_NONE;
	bury_dead(quarantine, fingerprint, now_ms);
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
	/* who had the row before, and who was not followed by anybody */
	bury(quarantine, own_row(quarantine), now_ms);
	bury_dead(quarantine, 0, now_ms);
	return quarantine;
}

void
quarantine_leave(struct quarantine *quarantine)
{
	int i;

	quarantine->left = true;
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
