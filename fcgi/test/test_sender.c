/*
 * test_sender.c
 *	  sender.c: who takes what is sent has all of it, who takes nothing is
 *	  given up in time, and nobody waits for anybody else's reader.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "sender.h"
#include "sync.h"
#include "tap.h"

#define TIMEOUT_MS 300
#define CROWD 40
#define PIECES 7

/* A sender's answer, and its reader. */
struct client
{
	struct sending sending;
	struct iovec pieces[PIECES];
	char *bytes;
	size_t len;
	int reader;
	atomic_int told; /* times */
	atomic_bool sent;
	int64_t begun_ms;
	_Atomic int64_t took_ms;
	int64_t pause_us; /* after each read */
	bool whole;
};

static void
done(struct sending *sending, bool sent)
{
	struct client *client = sending->arg;

	client->took_ms = clock_mono_ms() - client->begun_ms;
	client->sent = sent;
	(void) close(sending->fd);
	client->told++;
}

/* begin -- "len" bytes that differ, in pieces; one of them is empty. */
static void
begin(struct client *client, size_t len)
{
	int fds[2];
	size_t at = 0;
	size_t i;

	*client = (struct client){.len = len, .bytes = malloc(len)};
	if (client->bytes == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		abort();
	for (i = 0; i < len; i++)
		client->bytes[i] = (char) (i * 7 + i / 251);
	for (i = 0; i < PIECES; i++)
	{
		size_t n = i == PIECES - 1 ? len - at : i == 2 ? 0 : len / PIECES;

		client->pieces[i].iov_base = client->bytes + at;
		client->pieces[i].iov_len = n;
		at += n;
	}
	client->reader = fds[1];
	client->sending.fd = fds[0];
	client->sending.pieces = client->pieces;
	client->sending.count = PIECES;
	client->sending.done = done;
	client->sending.arg = client;
	client->begun_ms = clock_mono_ms();
}

static void
end(struct client *client)
{
	(void) close(client->reader);
	free(client->bytes);
}

/* take -- all that comes, at the client's pace. */
static void *
take(void *arg)
{
	struct client *client = arg;
	char part[8192];
	size_t have = 0;
	ssize_t n;

	client->whole = true;
	while ((n = read(client->reader, part, sizeof(part))) > 0)
	{
		client->whole &= have + (size_t) n <= client->len &&
						 memcmp(part, client->bytes + have, (size_t) n) == 0;
		have += (size_t) n;
		if (client->pause_us > 0)
			clock_sleep_us(client->pause_us);
	}
	client->whole &= have == client->len;
	return NULL;
}

static void
wait_told(struct client *client)
{
	while (client->told == 0)
		clock_sleep_ms(1);
}

static void
test_small(struct sender *sender)
{
	struct client client;

	begin(&client, 5000);
	sender_send(sender, &client.sending);
	tap_ok(client.told == 1 && client.sent, "what fits is sent at once");
	(void) take(&client);
	tap_ok(client.whole, "and arrives");
	end(&client);
}

static void
test_large(struct sender *sender)
{
	struct client client;
	pthread_t thread;

	begin(&client, 5 << 20);
	sender_send(sender, &client.sending);
	tap_int(client.told, 0, "what does not fit is not waited for");
	(void) sync_thread_start(&thread, take, &client);
	(void) pthread_join(thread, NULL);
	wait_told(&client);
	tap_ok(client.sent && client.whole, "it follows as it is taken");
	end(&client);

	/* pieces of 1 MB a 40 ms: much longer in all than one may take nothing */
	begin(&client, 5 << 20);
	client.pause_us = 2000;
	sender_send(sender, &client.sending);
	(void) sync_thread_start(&thread, take, &client);
	(void) pthread_join(thread, NULL);
	wait_told(&client);
	tap_ok(client.sent && client.whole && client.took_ms > 2 * TIMEOUT_MS,
		   "who takes something now and then is waited for");
	end(&client);
}

static void
test_silent(struct sender *sender)
{
	static struct client silent[CROWD];
	struct client other;
	pthread_t thread;
	int wrong = 0;
	int i;

	for (i = 0; i < CROWD; i++)
	{
		begin(&silent[i], 1 << 20);
		sender_send(sender, &silent[i].sending);
	}
	begin(&other, 5 << 20);
	sender_send(sender, &other.sending);
	(void) sync_thread_start(&thread, take, &other);
	(void) pthread_join(thread, NULL);
	wait_told(&other);
	tap_ok(other.sent && other.whole, "others are served meanwhile");
	end(&other);

	for (i = 0; i < CROWD; i++)
	{
		wait_told(&silent[i]);
		wrong += silent[i].sent || silent[i].told != 1 ||
				 silent[i].took_ms < TIMEOUT_MS ||
				 silent[i].took_ms > 20 * TIMEOUT_MS;
		end(&silent[i]);
	}
	tap_int(wrong, 0, "all who take nothing are given up together, in time");
}

static void
test_gone(struct sender *sender)
{
	struct client client;

	begin(&client, 1 << 20);
	(void) close(client.reader);
	sender_send(sender, &client.sending);
	tap_ok(client.told == 1 && !client.sent, "who is gone is known at once");
	client.reader = -1;
	end(&client);

	begin(&client, 1 << 20);
	sender_send(sender, &client.sending);
	(void) close(client.reader);
	wait_told(&client);
	tap_ok(!client.sent, "who leaves meanwhile, too");
	client.reader = -1;
	end(&client);
}

/* Each in a thread of its own, some with readers that stop in the middle. */
static void *
send_one(void *arg)
{
	struct client *client = ((void **) arg)[0];

	sender_send(((void **) arg)[1], &client->sending);
	return NULL;
}

static void
test_crowd(struct sender *sender)
{
	static struct client clients[CROWD];
	void *args[CROWD][2];
	pthread_t senders[CROWD];
	pthread_t readers[CROWD];
	int wrong = 0;
	int i;

	for (i = 0; i < CROWD; i++)
	{
		begin(&clients[i], (size_t) 10000 * (1 + (size_t) i));
		args[i][0] = &clients[i];
		args[i][1] = sender;
		(void) sync_thread_start(&senders[i], send_one, args[i]);
		(void) sync_thread_start(&readers[i], take, &clients[i]);
	}
	for (i = 0; i < CROWD; i++)
	{
		(void) pthread_join(senders[i], NULL);
		(void) pthread_join(readers[i], NULL);
		wait_told(&clients[i]);
		wrong += clients[i].told != 1 || !clients[i].sent || !clients[i].whole;
		end(&clients[i]);
	}
	tap_int(wrong, 0, "many at a time: each has its own, once");
}

int
main(void)
{
	struct sender *sender = sender_new(CROWD + 1, TIMEOUT_MS);

	if (sender == NULL)
		return 1;
	test_small(sender);
	test_large(sender);
	test_silent(sender);
	test_gone(sender);
	test_crowd(sender);
	sender_free(sender);
	return tap_done();
}
