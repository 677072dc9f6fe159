/*
 * committer.c
 *	  Makes events durable: one sync for all that arrived together.
 *
 * LOCKS.  One, for both lists and the counts; nobody writes, syncs, replies or
 * frees while holding it.  A commit belongs to whoever took it off a list.
 */
#include "committer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sync.h"

/* At most so many records in one write: beyond it a larger group gains
 * nothing, and its slowest reply comes later. */
#define GROUP_COMMITS 1024
#define GROUP_BYTES ((size_t) 8 * 1024 * 1024)

/* A group as large as this does not wait to become larger. */
#define GATHERED_BYTES ((size_t) 256 * 1024)

/* In order of arrival. */
struct list
{
	struct commit *first;
	struct commit **last; /* where the next one is hung */
};

/* A group that is written together, and what became of it. */
struct group
{
	struct list list;
	int ncommits;
	size_t bytes;
	int64_t events;
	enum spool_result result;
	struct iovec records[GROUP_COMMITS];
	uint32_t counts[GROUP_COMMITS];
};

struct committer
{
	struct committer_options opt;
	pthread_t committer;
	pthread_t replier;
	struct group *group; /* the committer's own */
	int64_t synced_us;	 /* likewise: when the last sync began */

	pthread_mutex_t lock;
	pthread_cond_t queued;	/* for the committer */
	pthread_cond_t drained; /* for those who wait for room */
	pthread_cond_t done;	/* for the replier */
	struct list queue;
	size_t queue_bytes;
	struct list good; /* to be told; one list a result keeps it simple */
	struct list full;
	struct list failed;
	bool stopping;	/* the committer ends when the queue is empty */
	bool committed; /* the replier ends when the lists are empty */
	struct committer_counts counts;
};

struct commit *
commit_new(size_t bytes)
{
	size_t cap = SPOOL_RECORD_HEADER + bytes;
	struct commit *commit = malloc(sizeof(*commit) + cap);

	if (commit == NULL)
		return NULL;
	commit->next = NULL;
	commit->owner = NULL;
	commit->repeat = NULL;
	commit->count = 0;
	commit->len = SPOOL_RECORD_HEADER;
	commit->cap = cap;
	return commit;
}

void
commit_free(struct commit *commit)
{
	free(commit);
}

bool
commit_add(struct commit **commit, const struct frame *frame, bool *full)
{
	struct commit *c = *commit;
	size_t size = frame_size(frame);

	*full = size > SPOOL_MAX_RECORD - c->len;
	if (*full)
		return false;
	if (size > c->cap - c->len)
	{
		size_t cap = 2 * c->cap > c->len + size ? 2 * c->cap : c->len + size;

		c = realloc(c, sizeof(*c) + cap);
		if (c == NULL)
			return false;
		c->cap = cap;
		*commit = c;
	}
	frame_write(frame, c->record + c->len);
	c->len += size;
	c->count++;
	return true;
}

static void
list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void
list_append(struct list *list, struct commit *commit)
{
	commit->next = NULL;
	*list->last = commit;
	list->last = &commit->next;
}

/* list_move -- all of "from" goes behind what is in "to". */
static void
list_move(struct list *from, struct list *to)
{
	if (from->first == NULL)
		return;
	*to->last = from->first;
	to->last = from->last;
	list_init(from);
}

bool
committer_submit(struct committer *c, struct commit *commit,
				 int64_t deadline_ms)
{
	bool room = true;
	bool first = false;

	(void) pthread_mutex_lock(&c->lock);
	while (room && c->queue_bytes > 0 &&
		   c->queue_bytes + commit->len > c->opt.max_bytes)
		room = sync_cond_wait(&c->drained, &c->lock, deadline_ms);
	if (room)
	{
		/* The committer sleeps only on an empty queue. */
		first = c->queue.first == NULL;
		list_append(&c->queue, commit);
		c->queue_bytes += commit->len;
	}
	(void) pthread_mutex_unlock(&c->lock);
	if (first)
		(void) pthread_cond_signal(&c->queued);
	return room;
}

/*
 * gather -- let the queue grow until the next sync is due.
 *
 * Called with the lock held, which is let go of meanwhile.  Nobody signals a
 * queue that is not empty, so those who submit do not wake anybody either.
 */
static void
gather(struct committer *c)
{
	int64_t left_us = c->synced_us + c->opt.interval_us - clock_mono_us();

	if (left_us <= 0 || c->stopping || c->queue_bytes >= GATHERED_BYTES)
		return;
	(void) pthread_mutex_unlock(&c->lock);
	clock_sleep_us(left_us < c->opt.interval_us ? left_us
												: c->opt.interval_us);
	(void) pthread_mutex_lock(&c->lock);
}

/*
 * take_group -- what has queued, up to a bound.  False when there will be no
 * more.
 */
static bool
take_group(struct committer *c, struct group *group)
{
	list_init(&group->list);
	group->ncommits = 0;
	group->bytes = 0;
	group->events = 0;

	(void) pthread_mutex_lock(&c->lock);
	while (c->queue.first == NULL && !c->stopping)
		(void) pthread_cond_wait(&c->queued, &c->lock);
	gather(c);
	while (c->queue.first != NULL && group->ncommits < GROUP_COMMITS)
	{
		struct commit *commit = c->queue.first;

		if (group->ncommits > 0 && group->bytes + commit->len > GROUP_BYTES)
			break;
		c->queue.first = commit->next;
		if (c->queue.first == NULL)
			list_init(&c->queue);
		c->queue_bytes -= commit->len;
		list_append(&group->list, commit);
		group->records[group->ncommits].iov_base = commit->record;
		group->records[group->ncommits].iov_len = commit->len;
		group->counts[group->ncommits] = commit->count;
		group->ncommits++;
		group->bytes += commit->len;
		group->events += commit->count;
	}
	(void) pthread_mutex_unlock(&c->lock);
	(void) pthread_cond_broadcast(&c->drained);
	return group->ncommits > 0;
}

/* give_group -- to the replier. */
static void
give_group(struct committer *c, struct group *group)
{
	struct list *list = group->result == SPOOL_OK	  ? &c->good
						: group->result == SPOOL_FULL ? &c->full
													  : &c->failed;

	(void) pthread_mutex_lock(&c->lock);
	list_move(&group->list, list);
	if (group->result == SPOOL_OK)
	{
		c->counts.events += group->events;
		c->counts.commits += group->ncommits;
		c->counts.syncs++;
	}
	else
		c->counts.refused += group->ncommits;
	(void) pthread_mutex_unlock(&c->lock);
	(void) pthread_cond_signal(&c->done);
}

static void *
run_committer(void *arg)
{
	struct committer *c = arg;

	while (take_group(c, c->group))
	{
		c->synced_us = clock_mono_us();
		c->group->result = spool_append(c->opt.spool,
										c->group->records,
										c->group->counts,
										c->group->ncommits);
		give_group(c, c->group);
	}
	(void) pthread_mutex_lock(&c->lock);
	c->committed = true;
	(void) pthread_cond_signal(&c->done);
	(void) pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void
tell(struct committer *c, struct list *list, enum spool_result result)
{
	struct commit *commit = list->first;

	while (commit != NULL)
	{
		struct commit *next = commit->next;

		c->opt.done(c->opt.app, commit, result);
		commit_free(commit);
		commit = next;
	}
}

static void *
run_replier(void *arg)
{
	struct committer *c = arg;
	struct list good;
	struct list full;
	struct list failed;

	for (;;)
	{
		list_init(&good);
		list_init(&full);
		list_init(&failed);
		(void) pthread_mutex_lock(&c->lock);
		while (c->good.first == NULL && c->full.first == NULL &&
			   c->failed.first == NULL && !c->committed)
			(void) pthread_cond_wait(&c->done, &c->lock);
		list_move(&c->good, &good);
		list_move(&c->full, &full);
		list_move(&c->failed, &failed);
		(void) pthread_mutex_unlock(&c->lock);

		if (good.first == NULL && full.first == NULL && failed.first == NULL)
			return NULL;
		tell(c, &good, SPOOL_OK);
		tell(c, &full, SPOOL_FULL);
		tell(c, &failed, SPOOL_FAILED);
	}
}

static void
free_committer(struct committer *c)
{
	(void) pthread_cond_destroy(&c->queued);
	(void) pthread_cond_destroy(&c->drained);
	(void) pthread_cond_destroy(&c->done);
	(void) pthread_mutex_destroy(&c->lock);
	free(c->group);
	free(c);
}

/* end_committer -- the thread writes what is queued and ends. */
static void
end_committer(struct committer *c)
{
	(void) pthread_mutex_lock(&c->lock);
	c->stopping = true;
	(void) pthread_cond_signal(&c->queued);
	(void) pthread_mutex_unlock(&c->lock);
	(void) pthread_join(c->committer, NULL);
}

struct committer *
committer_start(const struct committer_options *options)
{
	struct committer *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->opt = *options;
	list_init(&c->queue);
	list_init(&c->good);
	list_init(&c->full);
	list_init(&c->failed);
	c->group = malloc(sizeof(*c->group));
	if (c->group == NULL || pthread_mutex_init(&c->lock, NULL) != 0)
	{
		free(c->group);
		free(c);
		return NULL;
	}
	if (!sync_cond_init(&c->queued) || !sync_cond_init(&c->drained) ||
		!sync_cond_init(&c->done) ||
		!sync_thread_start(&c->committer, run_committer, c))
		goto fail;
	if (!sync_thread_start(&c->replier, run_replier, c))
	{
		end_committer(c);
		goto fail;
	}
	return c;

fail:
	free_committer(c);
	return NULL;
}

void
committer_stop(struct committer *c)
{
	if (c == NULL)
		return;
	end_committer(c);
	(void) pthread_join(c->replier, NULL);
	free_committer(c);
}

void
committer_counts(struct committer *c, struct committer_counts *counts)
{
	(void) pthread_mutex_lock(&c->lock);
	*counts = c->counts;
	(void) pthread_mutex_unlock(&c->lock);
}
