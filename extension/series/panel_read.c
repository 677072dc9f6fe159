/*-------------------------------------------------------------------------
 *
 * panel_read.c
 *	  Reads a panel from bytes; panel_codec.h has the format.
 *
 * Portable bytes come from users: every length is checked, every type is
 * looked up, and every value goes through its type's receive function.  Flat
 * bytes were written by this server and only their lengths are checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "compat.h"
#include "series/panel_codec.h"

typedef struct Reader
{
	const char *next;
	const char *end;
	bool portable;
	MemoryContext cxt;	   /* as long as the reading lasts */
	MemoryContext scratch; /* of it, reset a group and a cell */
	Oid recv_type;		   /* "recv" is the receive function of this type */
	Oid recv_param;
	FmgrInfo recv;
} Reader;

static void
corrupt(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("value is not a panel"),
			 errdetail("Its %s cannot be read.", what)));
}

static const char *
get_raw(Reader *r, uint64 len)
{
	const char *data = r->next;

	if (len > (uint64) (r->end - r->next))
		corrupt("end");
	r->next += len;
	return data;
}

static inline uint8
get_byte(Reader *r)
{
	return (uint8) *get_raw(r, 1);
}

static uint64
get_varint(Reader *r)
{
	uint64 v = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8 byte = get_byte(r);

		v |= (uint64) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	corrupt("number");
	return 0;
}

/* get_int -- a varint that must be within bounds. */
static int32
get_int(Reader *r, int32 min, int32 max, const char *what)
{
	uint64 v = get_varint(r);

	if (v > (uint64) max || (int64) v < min)
		corrupt(what);
	return (int32) v;
}

static uint64
get_int64(Reader *r)
{
	uint64 v;

	memcpy(&v, get_raw(r, sizeof(v)), sizeof(v));
	return r->portable ? pg_ntoh64(v) : v;
}

static int128
get_int128(Reader *r)
{
	uint128 v = (uint128) get_int64(r) << 64;

	return (int128) (v | get_int64(r));
}

static float8
get_float(Reader *r)
{
	uint64 bits = get_int64(r);
	float8 v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* get_name -- a name, terminated. */
static char *
get_name(Reader *r)
{
	uint64 len = get_varint(r);
	const char *name;

	if (len > 4 * NAMEDATALEN * 4)
		corrupt("name");
	name = get_raw(r, len);
	pg_verifymbstr(name, (int) len, false);
	return pnstrdup(name, len);
}

static void
get_type(Reader *r, Oid *type, Oid *collation)
{
	char *name;
	int32 typmod;

	if (!r->portable)
	{
		*type = (Oid) get_varint(r);
		*collation = (Oid) get_varint(r);
		return;
	}
	name = get_name(r);
	*type = InvalidOid;
	if (name[0] != '\0')
		TallyParseType(name, type, &typmod);
	name = get_name(r);
	*collation = name[0] == '\0'
					 ? InvalidOid
					 : get_collation_oid(TallyQualifiedNames(name), false);
}

/* get_value -- a value of a type, which lives as long as "scratch". */
static Datum
get_value(Reader *r, Oid type, int16 typlen, bool typbyval)
{
	uint64 len;
	const char *data;
	StringInfoData buf;

	if (!r->portable && typbyval)
		return (Datum) get_int64(r);
	len = get_varint(r);
	data = get_raw(r, len);
	if (!r->portable)
		return PointerGetDatum(memcpy(palloc(Max(len, 1)), data, len));

	if (r->recv_type != type)
	{
		Oid recv;

		getTypeBinaryInputInfo(type, &recv, &r->recv_param);
		fmgr_info_cxt(recv, &r->recv, r->cxt);
		r->recv_type = type;
	}
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, data, (int) len);
	return ReceiveFunctionCall(&r->recv, &buf, r->recv_param, -1);
}

/* keep -- a copy of a value in the panel. */
static Datum
keep(TallyPanel *panel, Datum value, int16 typlen, bool typbyval)
{
	MemoryContext old;

	if (typbyval)
		return value;
	panel_charge(panel, datumGetSize(value, false, typlen));
	old = MemoryContextSwitchTo(panel->cxt);
	value = datumCopy(value, false, typlen);
	MemoryContextSwitchTo(old);
	return value;
}

/*
 * get_integer -- the sum of "n" integers: no more than as many can have, so
 * that no sum of sums overflows.
 */
static int128
get_integer(Reader *r, uint64 n)
{
	int128 sum = get_int128(r);
	int128 most = (int128) n << 63;

	if (sum > most || sum < -most)
		corrupt("sum");
	return sum;
}

static void
get_state(Reader *r, TallyPanel *panel, const Measure *m, char *state)
{
	uint64 n = get_varint(r);

	if (n == 0)
		return;
	if (n > TALLY_MAX_VALUES)
		corrupt("number of values");
	switch (m->state)
	{
		case STATE_COUNT:
			break;
		case STATE_INTEGER:
			((MeasureInteger *) state)->sum = get_integer(r, n);
			break;
		case STATE_DECIMAL:
		{
			MeasureDecimal *s = (MeasureDecimal *) state;
			uint8 scale = get_byte(r);

			if (scale == SCALE_IS_BIG)
			{
				s->sum.big = DatumGetNumeric(keep(
					panel, get_value(r, NUMERICOID, -1, false), -1, false));
				s->is_big = true;
				break;
			}
			if (scale > TALLY_DECIMAL_MAX_SCALE)
				corrupt("scale");
			s->scale = scale;
			s->sum.digits = get_int128(r);
			break;
		}
		case STATE_FLOAT:
			((MeasureFloat *) state)->sum = get_float(r);
			((MeasureFloat *) state)->lost = get_float(r);
			break;
		case STATE_EXTREME:
			((MeasureExtreme *) state)->value =
				keep(panel,
					 get_value(r, m->def.type, m->typlen, m->typbyval),
					 m->typlen,
					 m->typbyval);
			break;
	}
	((MeasureCount *) state)->n = (int64) n;
}

/* get_group -- read one key and make its group. */
static void
get_group(Reader *r, TallyPanel *panel)
{
	Datum values[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
	JsonbValue *json = palloc0(Max(panel->nkeys, 1) * sizeof(JsonbValue));
	int32 before = panel->ngroups;

	for (int i = 0; i < panel->nkeys; i++)
	{
		const PanelKey *key = &panel->keys[i];

		nulls[i] = get_byte(r) == 0;
		values[i] = (Datum) 0;
		if (nulls[i])
			continue;
		if (key->mode == KEY_JSON)
		{
			Jsonb *jb = DatumGetJsonbP(get_value(r, JSONBOID, -1, false));

			if (!JB_ROOT_IS_SCALAR(jb) ||
				!JsonbExtractScalar(&jb->root, &json[i]))
			{
				json[i].type = jbvBinary;
				json[i].val.binary.data = &jb->root;
				json[i].val.binary.len = VARSIZE(jb) - VARHDRSZ;
			}
			values[i] = PointerGetDatum(&json[i]);
		}
		else
			values[i] =
				get_value(r, key->def.type, key->typlen, key->typbyval);
	}
	tally_panel_group(panel, values, nulls);
	if (panel->ngroups != before + 1)
		corrupt("list of groups");
}

static void
get_groups(Reader *r, TallyPanel *panel, int format)
{
	int32 other = -1;
	int32 ngroups;

	if (format > 1)
		other = get_int(r, 0, PG_INT32_MAX - 1, "group of all others") - 1;
	ngroups = get_int(r, 0, PG_INT32_MAX, "number of groups");
	if (other >= ngroups || (panel->nkeys == 0 && other == 0))
		corrupt("group of all others");
	if (panel->nkeys == 0 && ngroups != 1 + (other >= 0))
		corrupt("number of groups");
	for (int32 g = panel->ngroups; g < ngroups; g++)
	{
		if (g == other)
			(void) tally_panel_other_group(panel, true);
		else
			get_group(r, panel);
		MemoryContextReset(r->scratch);
	}
}

static void
get_rows(Reader *r, TallyPanel *panel)
{
	int32 bucket = -1;
	int32 step;

	while (
		(step = get_int(r, 0, panel->grid->nbuckets - 1 - bucket, "bucket")) >
		0)
	{
		int32 ncells = get_int(r, 1, panel->ngroups, "number of cells");
		int32 group = -1;

		CHECK_FOR_INTERRUPTS();
		bucket += step;
		for (int32 i = 0; i < ncells; i++)
		{
			char *cell;

			group += get_int(r, 1, panel->ngroups - 1 - group, "group");
			cell = panel_cell(panel, bucket, group);
			for (int k = 0; k < panel->nmeasures; k++)
				get_state(r,
						  panel,
						  &panel->measures[k],
						  cell + panel->measures[k].offset);
			MemoryContextReset(r->scratch);
		}
	}
}

/* get_fill -- as tally_fill_check() lets it be. */
static void
get_fill(Reader *r, TallyFill *fill)
{
	uint8 mode = get_byte(r);
	uint8 flags = get_byte(r);

	if (mode >= TALLY_FILL__COUNT ||
		(flags & ~(FILL_HAS_MAX_GAP | FILL_HAS_SEED)) != 0 ||
		(mode == TALLY_FILL_DEFAULT && flags != 0))
		corrupt("fill");
	fill->mode = (TallyFillMode) mode;
	if (fill->mode == TALLY_FILL_CONSTANT)
		fill->constant = get_float(r);
	if ((flags & FILL_HAS_MAX_GAP) != 0)
	{
		uint64 time;

		fill->has_max_gap = true;
		fill->max_gap.month = get_int(r, 0, PG_INT32_MAX, "fill");
		fill->max_gap.day = get_int(r, 0, PG_INT32_MAX, "fill");
		time = get_varint(r);
		if (time > PG_INT64_MAX)
			corrupt("fill");
		fill->max_gap.time = (int64) time;
	}
	if ((flags & FILL_HAS_SEED) != 0)
	{
		fill->has_seed = true;
		fill->seed = get_float(r);
		fill->seed_at = (TimestampTz) get_int64(r);
		if (!IS_VALID_TIMESTAMP(fill->seed_at))
			corrupt("fill");
	}
}

static TallyPanel *
get_panel(Reader *r, MemoryContext parent)
{
	TallyPanel *panel;
	TallyGrid *grid;
	TallyMeasure *measures;
	TallyKey *keys;
	int nmeasures;
	int nkeys;
	int format;
	MemoryContext old;
	TallyFill fill = {TALLY_FILL_DEFAULT};

	r->cxt = CurrentMemoryContext;
	r->scratch = AllocSetContextCreate(r->cxt,
									   "reading a panel",
									   ALLOCSET_DEFAULT_SIZES);
	format = get_byte(r) ^ (r->portable ? PANEL_PORTABLE : 0);
	if (format < PANEL_OLDEST_FORMAT || format > PANEL_FORMAT)
		corrupt("format");
	grid = DatumGetTallyGrid(get_value(
		r, r->portable ? tally_type("grid") : InvalidOid, -1, false));
	if (format > 1)
		get_fill(r, &fill);
	nmeasures = get_int(r, 0, FUNC_MAX_ARGS, "number of measures");
	measures = palloc0(Max(nmeasures, 1) * sizeof(TallyMeasure));
	for (int i = 0; i < nmeasures; i++)
	{
		measures[i].kind = get_byte(r);
		if (measures[i].kind >= TALLY_MEASURE__COUNT)
			corrupt("measure");
		get_type(r, &measures[i].type, &measures[i].collation);
		if (format > 1)
		{
			measures[i].param = get_float(r);
			measures[i].precision = get_int(r, 0, PG_INT32_MAX, "precision");
		}
		if (measures[i].kind != TALLY_COUNT && !OidIsValid(measures[i].type))
			corrupt("measure");
	}
	nkeys = get_int(r, 0, FUNC_MAX_ARGS, "number of keys");
	keys = palloc0(Max(nkeys, 1) * sizeof(TallyKey));
	for (int i = 0; i < nkeys; i++)
	{
		keys[i].is_json = get_byte(r) != 0;
		get_type(r, &keys[i].type, &keys[i].collation);
		if (!keys[i].is_json && !OidIsValid(keys[i].type))
			corrupt("key");
	}

	panel = tally_panel_create(parent, grid, nmeasures, measures, nkeys, keys);
	for (int i = 0; format > 1 && i < nmeasures; i++)
	{
		uint64 rejected = get_varint(r);

		if (rejected > TALLY_MAX_VALUES)
			corrupt("number of values");
		panel->rejected[i] = (int64) rejected;
	}
	if (fill.mode != TALLY_FILL_DEFAULT)
		tally_fill_check(&fill, grid, FLOAT8OID);
	panel->fill = fill;
	/* Receive functions leave much behind; what stays is copied. */
	old = MemoryContextSwitchTo(r->scratch);
	get_groups(r, panel, format);
	get_rows(r, panel);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(r->scratch);
	if (r->next != r->end)
		corrupt("end");
	return panel;
}

TallyPanel *
panel_expand(struct varlena *flat, MemoryContext parent)
{
	Reader r = {.next = VARDATA_ANY(flat),
				.end = VARDATA_ANY(flat) + VARSIZE_ANY_EXHDR(flat)};

	return get_panel(&r, parent);
}

TallyPanel *
panel_read_portable(StringInfo in, MemoryContext parent)
{
	Reader r = {.next = in->data + in->cursor,
				.end = in->data + in->len,
				.portable = true};
	TallyPanel *panel = get_panel(&r, parent);

	in->cursor = in->len;
	return panel;
}
