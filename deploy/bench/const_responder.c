/*
 * const_responder.c
 *	  What a FastCGI responder can do at most: it reads nothing, keeps nothing
 *	  and always gives the same answer.
 *
 *	const_responder SOCKET THREADS
 *
 * The yardstick of ingest.pl: how much of this is left when every event is
 * checked and on disk before its answer?
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int listen_fd;

static void *
run(void *arg)
{
	FCGX_Request req;

	(void) arg;
	(void) FCGX_InitRequest(&req, listen_fd, 0);
	while (FCGX_Accept_r(&req) >= 0)
	{
		(void) FCGX_PutS("Status: 201 Created\r\n"
						 "Content-Type: application/json\r\n\r\n"
						 "{\"created\":true}",
						 req.out);
		FCGX_Finish_r(&req);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	int threads = argc == 3 ? atoi(argv[2]) : 0;

	if (threads < 1 || threads > 256)
	{
		fputs("usage: const_responder SOCKET THREADS\n", stderr);
		return EXIT_FAILURE;
	}
	(void) setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1);
	(void) FCGX_Init();
	listen_fd = FCGX_OpenSocket(argv[1], 1024);
	if (listen_fd < 0 || chmod(argv[1], 0660) != 0)
		return EXIT_FAILURE;
	for (int i = 1; i < threads; i++)
	{
		pthread_t thread;

		if (pthread_create(&thread, NULL, run, NULL) != 0)
			return EXIT_FAILURE;
	}
	(void) run(NULL);
	return EXIT_SUCCESS;
}
