/*-------------------------------------------------------------------------
 *
 * event_json.c
 *	  The jsonb of an event whose text was checked.
 *
 * jsonb_in() is most of what storing an event costs, and most of that is its
 * lexer, which copies every string a character at a time, and the sort of each
 * object's members as they lie.  An event has been checked before (wire/), so
 * what is left is to find where things begin and end: strings without escapes
 * stay where they are, small integers are not read as decimals, and members
 * are put in order as they come.
 *
 * That the text is an event is not proved again, but nothing is read behind
 * its end, and what cannot be is an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "store/event_json.h"
#include "wire/json_check.h"

/* Objects up to this size are put in order as they come, larger ones sorted
 * at their end: the former is faster, but quadratic. */
#define ORDERED_PAIRS 32

/* Room for so many members at first. */
#define FIRST_MEMBERS 8

/* An integer of so many digits fits into an int64. */
#define INT64_DIGITS 18

typedef struct Reader
{
	const char *p;
	const char *end;
} Reader;

static void read_value(Reader *r, JsonbValue *value);

/* not_checked -- the text is not what the check said: a fault of ours */
static void
not_checked(void)
{
	elog(ERROR, "the JSON of an event ends in its middle");
}

/* peek -- the next character that is no blank, which is not passed */
static char
peek(Reader *r)
{
	while (r->p < r->end &&
		   (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
		r->p++;
	if (r->p >= r->end)
		not_checked();
	return *r->p;
}

/* read_string -- a string, the reader being at its opening quote */
static void
read_string(Reader *r, JsonbValue *value)
{
	const char *from = ++r->p;
	bool escaped = false;

	while (r->p < r->end && *r->p != '"')
	{
		if (*r->p == '\\')
		{
			escaped = true;
			r->p++;
		}
		r->p++;
	}
	if (r->p >= r->end)
		not_checked();

	value->type = jbvString;
	value->val.string.val = (char *) from;
	value->val.string.len = (int) (r->p - from);
	if (escaped)
	{
		struct json_span inside = {from, r->p - from};

		/* No escape is shorter than what it says. */
		value->val.string.val = palloc(inside.len);
		value->val.string.len =
			(int) json_check_unescape(inside,
									  value->val.string.val,
									  inside.len);
	}
	r->p++;
}

/* read_number -- a number, the reader being at its first character */
static void
read_number(Reader *r, JsonbValue *value)
{
	const char *from = r->p;
	const char *digits;
	int64 integer = 0;

	if (*r->p == '-')
		r->p++;
	for (digits = r->p; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
		if (r->p - digits < INT64_DIGITS)
			integer = integer * 10 + (*r->p - '0');

	value->type = jbvNumeric;
	if (r->p - digits <= INT64_DIGITS &&
		(r->p >= r->end || (*r->p != '.' && *r->p != 'e' && *r->p != 'E')))
	{
		if (r->p == digits)
			not_checked();
		value->val.numeric =
			int64_to_numeric(*from == '-' ? -integer : integer);
		return;
	}
	while (r->p < r->end &&
		   ((*r->p >= '0' && *r->p <= '9') || *r->p == '.' || *r->p == 'e' ||
			*r->p == 'E' || *r->p == '+' || *r->p == '-'))
		r->p++;
	value->val.numeric = DatumGetNumeric(
		DirectFunctionCall3(numeric_in,
							CStringGetDatum(pnstrdup(from, r->p - from)),
							ObjectIdGetDatum(InvalidOid),
							Int32GetDatum(-1)));
}

static void
read_word(Reader *r, JsonbValue *value, char first)
{
	value->type = first == 'n' ? jbvNull : jbvBool;
	if (first != 'n')
		value->val.boolean = first == 't';
	r->p += first == 'f' ? strlen("false") : strlen("true");
	if (r->p > r->end)
		not_checked();
}

/* is_end -- is a list or an object over here?  Else passes the comma. */
static bool
is_end(Reader *r, char closing, int nmembers)
{
	char c = peek(r);

	if (c == closing)
	{
		r->p++;
		return true;
	}
	if (nmembers > 0)
	{
		if (c != ',')
			not_checked();
		r->p++;
	}
	return false;
}

static void
read_array(Reader *r, JsonbValue *value)
{
	int room = FIRST_MEMBERS;
	int n;

	r->p++;
	value->type = jbvArray;
	value->val.array.rawScalar = false;
	value->val.array.elems = palloc(room * sizeof(JsonbValue));
	for (n = 0; !is_end(r, ']', n); n++)
	{
		if (n == room)
		{
			room *= 2;
			value->val.array.elems =
				repalloc(value->val.array.elems, room * sizeof(JsonbValue));
		}
		read_value(r, &value->val.array.elems[n]);
	}
	value->val.array.nElems = n;
}

/* compare_keys -- jsonb's order: the shorter one first, then by bytes */
static inline int
compare_keys(const JsonbValue *a, const JsonbValue *b)
{
	if (a->val.string.len != b->val.string.len)
		return a->val.string.len < b->val.string.len ? -1 : 1;
	return memcmp(a->val.string.val, b->val.string.val, a->val.string.len);
}

static int
compare_pairs(const void *a, const void *b)
{
	const JsonbPair *x = a;
	const JsonbPair *y = b;
	int order = compare_keys(&x->key, &y->key);

	return order != 0 ? order : (x->order < y->order ? -1 : 1);
}

/*
 * place_pair -- moves pairs[n], a new one, to where it belongs among the n
 * before it, which are in order.  Returns how many there are then: of a name
 * that is there twice the last one counts.
 */
static int
place_pair(JsonbPair *pairs, int n)
{
	JsonbPair pair;
	int order = 1;
	int at = n;

	while (at > 0 &&
		   (order = compare_keys(&pairs[n].key, &pairs[at - 1].key)) < 0)
		at--;
	if (at > 0 && order == 0)
	{
		pairs[at - 1] = pairs[n];
		return n;
	}
	if (at < n)
	{
		pair = pairs[n];
		memmove(&pairs[at + 1], &pairs[at], (n - at) * sizeof(JsonbPair));
		pairs[at] = pair;
	}
	return n + 1;
}

/* sort_pairs -- the same for all of them at once */
static int
sort_pairs(JsonbPair *pairs, int n)
{
	int kept = 0;
	int i;

	qsort(pairs, n, sizeof(JsonbPair), compare_pairs);
	for (i = 1; i < n; i++)
	{
		if (compare_keys(&pairs[kept].key, &pairs[i].key) != 0)
			kept++;
		pairs[kept] = pairs[i];
	}
	return kept + 1;
}

static void
read_object(Reader *r, JsonbValue *value)
{
	JsonbPair *pairs = palloc(FIRST_MEMBERS * sizeof(JsonbPair));
	int room = FIRST_MEMBERS;
	bool sorted = true;
	int n = 0;
	int read;

	r->p++;
	for (read = 0; !is_end(r, '}', read); read++)
	{
		if (n == room)
		{
			room *= 2;
			pairs = repalloc(pairs, room * sizeof(JsonbPair));
		}
		if (peek(r) != '"')
			not_checked();
		read_string(r, &pairs[n].key);
		if (peek(r) != ':')
			not_checked();
		r->p++;
		read_value(r, &pairs[n].value);
		pairs[n].order = read;
		sorted = sorted && n < ORDERED_PAIRS;
		n = sorted ? place_pair(pairs, n) : n + 1;
	}
	value->type = jbvObject;
	value->val.object.pairs = pairs;
	value->val.object.nPairs = sorted ? n : sort_pairs(pairs, n);
}

static void
read_value(Reader *r, JsonbValue *value)
{
	char first = peek(r);

	check_stack_depth();
	switch (first)
	{
		case '{':
			read_object(r, value);
			break;
		case '[':
			read_array(r, value);
			break;
		case '"':
			read_string(r, value);
			break;
		case 't':
		case 'f':
		case 'n':
			read_word(r, value, first);
			break;
		default:
			read_number(r, value);
			break;
	}
}

Jsonb *
tally_event_json(const char *text, Size len)
{
	Reader r = {text, text + len};
	JsonbValue event;

	read_value(&r, &event);
	return JsonbValueToJsonb(&event);
}
