/*-------------------------------------------------------------------------
 *
 * fuzz_time.c
 *	  Words for a range of time, and grids as text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "fuzz.h"
#include "time/timeframe.h"
#include "time/zone.h"

/* Among them: half an hour of summer time, a day that was skipped, none. */
static const char *const zones[] = {
	"UTC",
	"Europe/Berlin",
	"America/New_York",
	"Australia/Lord_Howe",
	"Pacific/Apia",
	"Africa/Monrovia",
};

/* What stands before the text: which zone, which week, and now. */
typedef struct Circumstances
{
	uint8 zone;
	uint8 week_start;
	int64 now;
} pg_attribute_packed() Circumstances;

bool
fuzz_timeframe(const char *data, int size)
{
	Circumstances c;
	TallySpan span;
	TallySpan again;
	pg_tz *zone;
	TimestampTz now;
	int week_start;

	if (size < (int) sizeof(c))
		return false;
	memcpy(&c, data, sizeof(c));
	data += sizeof(c);
	size -= sizeof(c);
	if (!pg_verify_mbstr(PG_UTF8, data, size, true))
		return false;
	zone = tally_zone(zones[c.zone % lengthof(zones)]);
	week_start = 1 + c.week_start % 7;
	now = c.now;
	if (!IS_VALID_TIMESTAMP(now))
		return false;

	tally_during_parse(data, size, zone, week_start, now, &span);
	fuzz_check(span.lower < span.upper);
	fuzz_check(IS_VALID_TIMESTAMP(span.lower));
	fuzz_check(IS_VALID_TIMESTAMP(span.upper));
	tally_during_parse(data, size, zone, week_start, now, &again);
	fuzz_check(again.lower == span.lower && again.upper == span.upper);
	return true;
}

bool
fuzz_grid(const char *data, int size)
{
	char *text = fuzz_text(data, size);
	char *out;
	char *out_again;
	Oid in_function;
	Oid out_function;
	Oid ioparam;
	bool is_varlena;
	static Oid type = InvalidOid;
	Datum grid;

	if (text == NULL)
		return false;
	if (!OidIsValid(type))
		type = DatumGetObjectId(DirectFunctionCall1(
			to_regtype, PointerGetDatum(cstring_to_text("tally.grid"))));
	getTypeInputInfo(type, &in_function, &ioparam);
	getTypeOutputInfo(type, &out_function, &is_varlena);
	grid = OidInputFunctionCall(in_function, text, ioparam, -1);
	out = OidOutputFunctionCall(out_function, grid);
	grid = OidInputFunctionCall(in_function, out, ioparam, -1);
	out_again = OidOutputFunctionCall(out_function, grid);
	fuzz_check(strcmp(out, out_again) == 0);
	return true;
}
