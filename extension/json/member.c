/*-------------------------------------------------------------------------
 *
 * member.c
 *	  A member of a JSON object that is not where it was in the last one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/member.h"

bool
json_look_for(const JsonbContainer *object, const char *name, int len,
			  uint32 *place)
{
	uint32 n = JsonContainerSize(object);
	const char *names = (const char *) (object->children + 2 * n);
	uint32 low = 0;
	uint32 high = n;

	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;
		uint32 start = json_start_of(object, middle);
		int64 order =
			(int64) (json_end_of(object, middle, start) - start) - len;

		if (order == 0)
			order = memcmp(names + start, name, len);
		if (order == 0)
		{
			*place = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
