/*
 * answer.c
 *	  An answer that many may hold.
 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

struct answer *
answer_new(enum answer_code code, const void *data, size_t len)
{
	struct answer *answer = malloc(sizeof(*answer) + len);

	if (answer == NULL)
		return NULL;
	atomic_init(&answer->refs, 1);
	answer->code = code;
	answer->behind_ms = -1;
	answer->len = len;
	if (len > 0)
		memcpy(answer->data, data, len);
	return answer;
}

struct answer *
answer_ref(struct answer *answer)
{
	(void) atomic_fetch_add_explicit(&answer->refs, 1, memory_order_relaxed);
	return answer;
}

void
answer_unref(struct answer *answer)
{
	/* the last one sees all that the others have read before it frees */
	if (answer != NULL &&
		atomic_fetch_sub_explicit(&answer->refs, 1, memory_order_acq_rel) == 1)
		free(answer);
}

size_t
answer_bytes(const struct answer *answer)
{
	return answer != NULL ? sizeof(*answer) + answer->len : 0;
}
