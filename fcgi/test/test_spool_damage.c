/*
 * test_spool_damage.c
 *	  spool_read.c: files that a crash cut short, or that were damaged.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp(), nftw() */
#include "spool_rig.h"

/*
 * Three records, and the last one is torn by a crash at each of its bytes:
 * cut there, and with zeros from there on, as preallocation leaves it.
 */
static void
test_torn_tail(void)
{
	int64_t record = SPOOL_RECORD_HEADER + FRAME_HEADER_BYTES + 1 + 7;
	int wrong = 0;
	int set_aside = 0;
	int counted = 0;

	for (int64_t keep = 0; keep < record; keep++)
	{
		for (int zeros = 0; zeros < 2; zeros++)
		{
			struct spool *spool;
			struct spool_status status;
			char name[256];

			new_dir();
			spool = open_spool();
			for (int i = 1; i <= 3; i++)
				(void) append(spool, i, 1);
			crash(spool);
			(void) count_files(".spool", name);
			cut(name, 64 + 2 * record + keep);
			if (zeros != 0)
				cut(name, FILE_BYTES);

			spool = open_spool();
			(void) append(spool, 7, 1);
			wrong += strcmp(drain(spool), "1-2 | 7") != 0;
			spool_status(spool, &status);
			counted += status.torn_bytes > 0;
			set_aside += count_files(".bad", NULL) + (int) status.bad_files;
			spool_close(spool);
		}
	}
	tap_int(wrong, 0, "a torn tail is cut off, at each of its bytes");
	tap_int(set_aside, 0, "and is no damage");
	tap_int(counted, 2 * (record - 1), "but counted");
}

/* A byte of each of three records is flipped, every byte. */
static void
test_flipped_bytes(void)
{
	static const char *const expected[] = {"[1..1]2-3 | 7",
										   "1[2..2]3 | 7",
										   "1-2 | 7"};
	int64_t record = SPOOL_RECORD_HEADER + FRAME_HEADER_BYTES + 1 + 7;
	int wrong = 0;
	int bad = 0;

	for (int which = 0; which < 3; which++)
		for (int64_t at = 0; at < record; at++)
		{
			struct spool *spool;
			char name[256];

			new_dir();
			spool = open_spool();
			for (int i = 1; i <= 3; i++)
				(void) append(spool, i, 1);
			spool_close(spool);
			(void) count_files(".spool", name);
			flip(name, (off_t) (64 + which * record + at));

			spool = open_spool();
			(void) append(spool, 7, 1);
			if (strcmp(drain(spool), expected[which]) != 0 && wrong++ == 0)
				printf("# byte %d of record %d\n", (int) at, which);
			bad += count_files(".bad", NULL);
			spool_close(spool);
		}
	tap_int(wrong, 0, "a flipped byte costs its record and no other");
	tap_int(bad,
			2 * record,
			"and the file is kept, unless it may be a torn tail");
}

static void
test_damaged_files(void)
{
	struct spool *spool;
	struct spool_status status;
	char name[256];

	/* Fault in an early file, at its end: the next file shows the gap. */
	new_dir();
	spool = open_spool();
	for (int i = 0; i < 10; i++)
		(void) append(spool, 1 + i * 10, 10);
	spool_close(spool);
	(void) count_files(".spool", name);
	cut(name, 64 + 700);
	spool = open_spool();
	tap_str(drain(spool), "1-10[11..60]61-100", "an early file cut short");
	spool_status(spool, &status);
	tap_int(status.bad_files, 1, "is counted");
	tap_int(count_files(".spool.bad", NULL), 1, "and kept");
	spool_close(spool);
	spool = open_spool();
	tap_str(drain(spool), "", "but not read again");
	spool_close(spool);

	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 3);
	spool_close(spool);
	(void) count_files(".spool", name);
	flip(name, 20);
	spool = open_spool();
	tap_str(drain(spool), "1-3", "a damaged header costs no event");
	tap_int(count_files(".spool.bad", NULL), 1, "but the file is kept");
	spool_close(spool);

	for (off_t len = 0; len <= 64; len += 8)
	{
		new_dir();
		spool = open_spool();
		(void) append(spool, 1, 3);
		spool_close(spool);
		(void) count_files(".spool", name);
		cut(name, len);
		spool = open_spool();
		(void) append(spool, 7, 1);
		tap_str(drain(spool),
				"7",
				"a file that ends in its header, or before");
		tap_int(count_files(".bad", NULL), 0, "is nothing");
		spool_close(spool);
	}

	/* Whatever else lies there is left alone. */
	new_dir();
	spool = open_spool();
	(void) append(spool, 1, 1);
	spool_close(spool);
	{
		char path[400];

		snprintf(path, sizeof(path), "%s/notes.spool", dir);
		(void) close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	spool = open_spool();
	tap_str(drain(spool), "1", "a file with another name is not ours");
	tap_int(count_files("notes.spool", NULL), 1, "and stays");
	spool_close(spool);
}

int
main(void)
{
	test_torn_tail();
	test_flipped_bytes();
	test_damaged_files();
	return end_of_tests();
}
