/*
 * json_scan.c
 *	  The pieces of JSON: strings, numbers, words.
 *
 * Strings, which are most of an event, are passed eight bytes at a time until
 * one of the eight needs a look.
 *
 * What jsonb takes is not all that RFC 8259 allows: no \u0000, no half of a
 * surrogate pair, no number that numeric cannot hold.
 */
#include "json_scan.h"

#include <stdint.h>
#include <string.h>

/* numeric holds this many digits before the point, and after it. */
#define NUMERIC_MAX_INTEGER_DIGITS 131072
#define NUMERIC_MAX_FRACTION_DIGITS 16383

/*
 * numeric's input refuses such an exponent whatever it stands behind; since
 * 16 it lets this very one pass, behind a zero.
 */
#define NUMERIC_EXPONENT_LIMIT (INT32_MAX / 2)

/*
 * The largest double is 1.797...e308 and the smallest above zero 4.94e-324;
 * the digits below are where rounding passes on to infinity, and to zero.
 */
#define DOUBLE_MAX_MAGNITUDE 309
#define DOUBLE_MAX_DIGITS "17976931348623158079"
#define DOUBLE_MIN_MAGNITUDE (-323)
#define DOUBLE_MIN_DIGITS "24703282292062327208"

/* Below this many digits a number without exponent is in every range. */
#define SAFE_DIGITS 300

/* broke -- note the first rule that is broken, and where. */
void
json_scan_broke(struct json_scan *s, enum json_rule rule, const char *at)
{
	if (s->found->rule != JSON_OK)
		return;
	s->found->rule = rule;
	s->found->at = (size_t) (at - s->start);
}

/*
 * not_json -- the text cannot be read on from "at".
 *
 * This outranks a broken rule found before it: the reader of an answer must
 * not be told of a detail in something that is no JSON at all.
 */
bool
json_scan_not_json(struct json_scan *s, enum json_rule rule, const char *at)
{
	s->found->rule = rule;
	s->found->at = (size_t) (at - s->start);
	return false;
}

/*
 * plain_bytes -- how many of the eight bytes at "p", from the first on, need
 * no look: ASCII, no control character, no quote, no backslash.
 *
 * Each of the four tests sets the top bit of a byte that it is for.  It may
 * set it in a later byte too, by the borrow of the subtraction, but never in
 * an earlier one, and only the first one is used.
 */
static inline unsigned
plain_bytes(const char *p)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t word;
	uint64_t quote;
	uint64_t backslash;
	uint64_t look;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	quote = word ^ (ones * '"');
	backslash = word ^ (ones * '\\');
	look = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
		   ((word - ones * 0x20) & ~word) | word;
	look &= ones * 0x80;
	return look == 0 ? 8 : (unsigned) __builtin_ctzll(look) / 8;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* hex4 -- the value of the four digits at "p", or -1. */
static int
hex4(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static inline bool
is_high_surrogate(int code)
{
	return code >= 0xD800 && code <= 0xDBFF;
}

static inline bool
is_low_surrogate(int code)
{
	return code >= 0xDC00 && code <= 0xDFFF;
}

/* scan_escape -- pass the escape at s->p, a backslash. */
static bool
scan_escape(struct json_scan *s)
{
	const char *at = s->p++;
	int code;

	if (s->p == s->end)
		return json_scan_not_json(s, JSON_UNFINISHED, at);
	if (*s->p != 'u')
	{
		if (*s->p == '\0' || strchr("\"\\/bfnrt", *s->p) == NULL)
			return json_scan_not_json(s, JSON_ESCAPE, at);
		s->p++;
		return true;
	}

	code = hex4(++s->p, s->end);
	if (code < 0)
		return json_scan_not_json(s, JSON_ESCAPE, at);
	s->p += 4;

	if (code == 0)
		json_scan_broke(s, JSON_NUL, at);
	else if (is_low_surrogate(code))
		json_scan_broke(s, JSON_SURROGATE, at);
	else if (is_high_surrogate(code))
	{
		/* Its other half is passed here, or else left for the next turn. */
		if (s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' &&
			is_low_surrogate(hex4(s->p + 2, s->end)))
			s->p += 6;
		else
			json_scan_broke(s, JSON_SURROGATE, at);
	}
	return true;
}

/*
 * scan_utf8 -- pass the character at s->p, whose first byte is not ASCII.
 *
 * "low" and "high" bound the second byte: this is where overlong forms,
 * surrogates and what is above U+10FFFF are found.
 */
static bool
scan_utf8(struct json_scan *s)
{
	const unsigned char *u = (const unsigned char *) s->p;
	unsigned char low = 0x80;
	unsigned char high = 0xBF;
	int more;

	if (u[0] >= 0xC2 && u[0] <= 0xDF)
		more = 1;
	else if (u[0] >= 0xE0 && u[0] <= 0xEF)
	{
		more = 2;
		low = u[0] == 0xE0 ? 0xA0 : 0x80;
		high = u[0] == 0xED ? 0x9F : 0xBF;
	}
	else if (u[0] >= 0xF0 && u[0] <= 0xF4)
	{
		more = 3;
		low = u[0] == 0xF0 ? 0x90 : 0x80;
		high = u[0] == 0xF4 ? 0x8F : 0xBF;
	}
	else
		return json_scan_not_json(s, JSON_UTF8, s->p);

	if (s->end - s->p <= more || u[1] < low || u[1] > high)
		return json_scan_not_json(s, JSON_UTF8, s->p);
	for (int i = 2; i <= more; i++)
		if ((u[i] & 0xC0) != 0x80)
			return json_scan_not_json(s, JSON_UTF8, s->p);

	s->p += more + 1;
	return true;
}

/* scan_string -- pass a string; s->p is behind its opening quote. */
bool
json_scan_string(struct json_scan *s, struct json_span *inside,
				 bool *has_escape)
{
	inside->text = s->p;
	*has_escape = false;

	for (;;)
	{
		unsigned char c;

		while (s->end - s->p >= 8)
		{
			unsigned n = plain_bytes(s->p);

			s->p += n;
			if (n < 8)
				break;
		}
		if (s->p == s->end)
			return json_scan_not_json(s, JSON_UNFINISHED, s->p);

		c = (unsigned char) *s->p;
		if (c == '"')
			break;
		if (c == '\\')
		{
			*has_escape = true;
			if (!scan_escape(s))
				return false;
		}
		else if (c < 0x20)
			return json_scan_not_json(s, JSON_CONTROL, s->p);
		else if (c < 0x80)
			s->p++;
		else if (!scan_utf8(s))
			return false;
	}
	inside->len = (size_t) (s->p - inside->text);
	s->p++;
	return true;
}

static int64_t
count_digits(struct json_scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p - from;
}

/*
 * compare_digits -- the digits from "p" on, as if with zeros without end
 * behind them and a point left out, against those of "bound".
 */
static int
compare_digits(const char *p, const char *end, const char *bound)
{
	for (; *bound != '\0'; bound++)
	{
		char digit = '0';

		if (p < end && *p == '.')
			p++;
		if (p < end && *p >= '0' && *p <= '9')
			digit = *p++;
		if (digit != *bound)
			return digit < *bound ? -1 : 1;
	}
	return 0;
}

/*
 * check_range -- is the number from "first" to "last", a mantissa without
 * its sign, times ten to the "exponent", one that numeric and a double hold?
 *
 * Its magnitude is the place of its first digit that is not zero, counted
 * from the point: 1 for 7, 0 for 0.7, 3 for 7e2.
 */
static void
check_range(struct json_scan *s, const char *first, const char *last,
			int64_t exponent, int64_t fraction_digits)
{
	const char *p = first;
	int64_t magnitude = exponent;

	/* The integer part adds to the magnitude, zeros behind the point take. */
	for (const char *q = first; q < last && *q != '.'; q++)
		magnitude++;
	for (; p < last && (*p == '0' || *p == '.'); p++)
		if (*p == '0')
			magnitude--;

	if (exponent >= NUMERIC_EXPONENT_LIMIT ||
		exponent <= -NUMERIC_EXPONENT_LIMIT ||
		fraction_digits - exponent > NUMERIC_MAX_FRACTION_DIGITS ||
		(p < last && magnitude > NUMERIC_MAX_INTEGER_DIGITS))
		json_scan_broke(s, JSON_NUMBER_RANGE, first);
	else if (s->as_double && p < last &&
			 (magnitude > DOUBLE_MAX_MAGNITUDE ||
			  magnitude < DOUBLE_MIN_MAGNITUDE ||
			  (magnitude == DOUBLE_MAX_MAGNITUDE &&
			   compare_digits(p, last, DOUBLE_MAX_DIGITS) >= 0) ||
			  (magnitude == DOUBLE_MIN_MAGNITUDE &&
			   compare_digits(p, last, DOUBLE_MIN_DIGITS) <= 0)))
		json_scan_broke(s, JSON_NUMBER_DOUBLE, first);
}

/* scan_number -- pass a number; s->p is at its first character. */
bool
json_scan_number(struct json_scan *s)
{
	const char *first;
	const char *last;
	int64_t integer_digits;
	int64_t fraction_digits = 0;
	int64_t exponent = 0;
	bool has_exponent = false;

	if (*s->p == '-')
		s->p++;
	first = s->p;
	integer_digits = count_digits(s);
	if (integer_digits == 0 || (integer_digits > 1 && *first == '0'))
		return json_scan_not_json(s, JSON_SYNTAX, first);

	if (s->p < s->end && *s->p == '.')
	{
		s->p++;
		fraction_digits = count_digits(s);
		if (fraction_digits == 0)
			return json_scan_not_json(s, JSON_SYNTAX, s->p);
	}
	last = s->p;

	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E'))
	{
		bool negative;
		const char *digits;

		has_exponent = true;
		s->p++;
		negative = s->p < s->end && *s->p == '-';
		if (s->p < s->end && (*s->p == '-' || *s->p == '+'))
			s->p++;
		digits = s->p;
		if (count_digits(s) == 0)
			return json_scan_not_json(s, JSON_SYNTAX, s->p);
		for (; digits < s->p; digits++)
			if (exponent < NUMERIC_EXPONENT_LIMIT)
				exponent = exponent * 10 + (*digits - '0');
		if (negative)
			exponent = -exponent;
	}

	if (has_exponent || integer_digits + fraction_digits > SAFE_DIGITS)
		check_range(s, first, last, exponent, fraction_digits);
	return true;
}

bool
json_scan_word(struct json_scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t) (s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return json_scan_not_json(s, JSON_SYNTAX, s->p);
	s->p += len;
	return true;
}

/* put_utf8 -- write a character's bytes, as far as there is room. */
static size_t
put_utf8(unsigned code, char *out, size_t used, size_t room)
{
	char bytes[4];
	size_t n;

	if (code < 0x80)
	{
		bytes[0] = (char) code;
		n = 1;
	}
	else if (code < 0x800)
	{
		bytes[0] = (char) (0xC0 | (code >> 6));
		bytes[1] = (char) (0x80 | (code & 0x3F));
		n = 2;
	}
	else if (code < 0x10000)
	{
		bytes[0] = (char) (0xE0 | (code >> 12));
		bytes[1] = (char) (0x80 | ((code >> 6) & 0x3F));
		bytes[2] = (char) (0x80 | (code & 0x3F));
		n = 3;
	}
	else
	{
		bytes[0] = (char) (0xF0 | (code >> 18));
		bytes[1] = (char) (0x80 | ((code >> 12) & 0x3F));
		bytes[2] = (char) (0x80 | ((code >> 6) & 0x3F));
		bytes[3] = (char) (0x80 | (code & 0x3F));
		n = 4;
	}
	for (size_t i = 0; i < n && used + i < room; i++)
		out[used + i] = bytes[i];
	return n;
}

/* escaped_char -- the character of the escape at *p, which is moved on. */
static unsigned
escaped_char(const char **p, const char *end)
{
	static const char letters[] = "bfnrt";
	static const char meant[] = "\b\f\n\r\t";
	char c = (*p)[1];
	const char *letter = strchr(letters, c);
	int code;
	int low;

	*p += 2;
	if (letter != NULL)
		return (unsigned char) meant[letter - letters];
	if (c != 'u')
		return (unsigned char) c;

	code = hex4(*p, end);
	*p += 4;
	if (is_low_surrogate(code))
		return 0xFFFD;
	if (!is_high_surrogate(code))
		return (unsigned) code;
	low = end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u'
			  ? hex4(*p + 2, end)
			  : -1;
	if (!is_low_surrogate(low))
		return 0xFFFD;
	*p += 6;
	return 0x10000 + (((unsigned) code & 0x3FF) << 10) +
		   ((unsigned) low & 0x3FF);
}

size_t
json_check_unescape(struct json_span inside, char *out, size_t room)
{
	const char *p = inside.text;
	const char *end = p + inside.len;
	size_t used = 0;

	while (p < end)
	{
		if (*p == '\\')
			used += put_utf8(escaped_char(&p, end), out, used, room);
		else
		{
			if (used < room)
				out[used] = *p;
			used++;
			p++;
		}
	}
	return used;
}
