/*-------------------------------------------------------------------------
 *
 * panel_keys.c
 *	  The groups of a panel: from the values of a key to a group's number,
 *	  and back, and the order in which groups are shown.
 *
 * Two keys are one group when they are equal by their types' default
 * equality, as in GROUP BY; null is equal to null.  Where equal values may
 * be spelled in several ways (1.0 and 1.00), the spelling that comes first by
 * its bytes is kept, so that it does not depend on the order of rows or of
 * parallel workers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/nbtree.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "measure/value.h"
#include "series/panel/panel_hot.h"

/*
 * The hash table holds numbers of groups.  A look-up asks for the number
 * PROBE, which stands for panel->probe_values: the table's private data is
 * the panel.
 */
#define PROBE (-1)

typedef struct GroupEntry
{
	int32 group;
	uint32 hash;
	char status;
} GroupEntry;

static bool same_group(TallyPanel *panel, int32 a, int32 b);

#define SH_PREFIX panel_groups
#define SH_ELEMENT_TYPE GroupEntry
#define SH_KEY_TYPE int32
#define SH_KEY group
#define SH_HASH_KEY(tb, key) ((void) (tb), (uint32) (key))
#define SH_EQUAL(tb, a, b) same_group((tb)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) ((a)->hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* init_key -- choose how one part of the key is hashed and compared. */
static void
init_key(TallyPanel *panel, PanelKey *key, const TallyKey *def)
{
	TypeCacheEntry *type;

	memset(key, 0, sizeof(*key));
	key->def = *def;
	if (def->is_json)
	{
		key->mode = KEY_JSON;
		return;
	}

	type =
		lookup_type_cache(def->type,
						  TYPECACHE_BTREE_OPFAMILY | TYPECACHE_CMP_PROC_FINFO |
							  TYPECACHE_EQ_OPR_FINFO |
							  TYPECACHE_HASH_PROC_FINFO);
	key->typlen = type->typlen;
	key->typbyval = type->typbyval;
	if (def->type == FLOAT4OID)
		key->mode = KEY_FLOAT4;
	else if (def->type == FLOAT8OID)
		key->mode = KEY_FLOAT8;
	else if (tally_equal_is_bitwise(type, def->collation))
		key->mode = type->typbyval	   ? KEY_BYVAL
					: type->typlen > 0 ? KEY_FIXED
									   : KEY_VARLENA;
	else
	{
		key->mode = def->type == NUMERICOID ? KEY_NUMERIC : KEY_OTHER;
		if (!OidIsValid(type->eq_opr_finfo.fn_oid) ||
			!OidIsValid(type->hash_proc_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot group by type %s",
							format_type_be(def->type)),
					 errdetail("The type has no default equality and hash "
							   "function."),
					 errhint("Group by a cast of the column to text.")));
		fmgr_info_copy(&key->equal, &type->eq_opr_finfo, panel->cxt);
		fmgr_info_copy(&key->hash, &type->hash_proc_finfo, panel->cxt);
	}
	if (!OidIsValid(type->cmp_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot group by type %s", format_type_be(def->type)),
				 errdetail("The type has no default order."),
				 errhint("Group by a cast of the column to text.")));
}

void
panel_keys_init(TallyPanel *panel, int nkeys, const TallyKey *keys)
{
	panel->nkeys = nkeys;
	panel->other = -1;
	panel->keys = palloc(Max(nkeys, 1) * sizeof(PanelKey));
	for (int i = 0; i < nkeys; i++)
		init_key(panel, &panel->keys[i], &keys[i]);
	if (nkeys == 0)
	{
		panel_check_group(panel, 1);
		panel->ngroups = 1;
		return;
	}
	panel->groups = panel_groups_create(panel->cxt, 64, panel);
	panel_cache_init(panel);
}

/*
 * canonical -- the spelling of a probed value under which it is looked up.
 * Detoasts it if it has to be.
 */
static inline Datum
canonical(const PanelKey *key, Datum value)
{
	switch (key->mode)
	{
		case KEY_FLOAT4:
		{
			float4 f = DatumGetFloat4(value);

			return Float4GetDatum(isnan(f)	  ? get_float4_nan()
								  : f == 0.0f ? 0.0f
											  : f);
		}
		case KEY_FLOAT8:
		{
			float8 f = DatumGetFloat8(value);

			return Float8GetDatum(isnan(f)	 ? get_float8_nan()
								  : f == 0.0 ? 0.0
											 : f);
		}
		case KEY_VARLENA:
			return PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
		case KEY_NUMERIC:
		case KEY_OTHER:
			if (key->typlen == -1)
				return PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
			return value;
		default:
			return value;
	}
}

/* hash_words -- of two words, whatever they mean. */
static inline uint32
hash_words(uint64 a, uint64 b)
{
	return hash_combine(murmurhash32((uint32) a ^ (uint32) (b >> 32)),
						murmurhash32((uint32) (a >> 32) ^ (uint32) b));
}

static inline uint32
hash_value(PanelKey *key, Datum value)
{
	uint64 words[2];

	switch (key->mode)
	{
		case KEY_BYVAL:
		case KEY_FLOAT4:
		case KEY_FLOAT8:
			return hash_combine(murmurhash32((uint32) value),
								murmurhash32((uint32) (value >> 32)));
		case KEY_FIXED:
			return hash_bytes((const unsigned char *) DatumGetPointer(value),
							  key->typlen);
		case KEY_VARLENA:
			return hash_bytes((const unsigned char *) VARDATA_ANY(
								  DatumGetPointer(value)),
							  VARSIZE_ANY_EXHDR(DatumGetPointer(value)));
		case KEY_JSON:
			return panel_hash_json(
				(const JsonbValue *) DatumGetPointer(value));
		case KEY_NUMERIC:
			if (tally_decimal_sign(
					(const struct varlena *) DatumGetPointer(value), words))
				return hash_words(words[0],
								  words[1] & ~TALLY_DECIMAL_SIGN_SCALE);
			/* FALLTHROUGH */
		case KEY_OTHER:
			return DatumGetUInt32(
				FunctionCall1Coll(&key->hash, key->def.collation, value));
	}
	return 0;
}

static inline bool
same_value(PanelKey *key, Datum a, Datum b)
{
	uint64 wa[2];
	uint64 wb[2];

	switch (key->mode)
	{
		case KEY_BYVAL:
		case KEY_FLOAT4:
		case KEY_FLOAT8:
			return a == b;
		case KEY_FIXED:
			return memcmp(DatumGetPointer(a),
						  DatumGetPointer(b),
						  key->typlen) == 0;
		case KEY_VARLENA:
		{
			const struct varlena *va =
				(const struct varlena *) DatumGetPointer(a);
			const struct varlena *vb =
				(const struct varlena *) DatumGetPointer(b);
			Size size = VARSIZE_ANY_EXHDR(va);

			return size == VARSIZE_ANY_EXHDR(vb) &&
				   memcmp(VARDATA_ANY(va), VARDATA_ANY(vb), size) == 0;
		}
		case KEY_JSON:
			return panel_same_json((const JsonbValue *) DatumGetPointer(a),
								   (const JsonbValue *) DatumGetPointer(b));
		case KEY_NUMERIC:
			if (tally_decimal_sign((const struct varlena *) DatumGetPointer(a),
								   wa) &&
				tally_decimal_sign((const struct varlena *) DatumGetPointer(b),
								   wb))
				return wa[0] == wb[0] &&
					   ((wa[1] ^ wb[1]) & ~TALLY_DECIMAL_SIGN_SCALE) == 0;
			/* FALLTHROUGH */
		case KEY_OTHER:
			return DatumGetBool(
				FunctionCall2Coll(&key->equal, key->def.collation, a, b));
	}
	return false;
}

/* same_group -- for the hash table: PROBE or a number on either side. */
static bool
same_group(TallyPanel *panel, int32 a, int32 b)
{
	int32 group = a == PROBE ? b : a;
	const Datum *values = &panel->key_values[(Size) group * panel->nkeys];
	const bool *nulls = &panel->key_nulls[(Size) group * panel->nkeys];

	for (int i = 0; i < panel->nkeys; i++)
	{
		if (nulls[i] != panel->probe_nulls[i])
			return false;
		if (!nulls[i] &&
			!same_value(&panel->keys[i], values[i], panel->probe_values[i]))
			return false;
	}
	return true;
}

/* keep_value -- copy a value into the panel. */
static Datum
keep_value(TallyPanel *panel, const PanelKey *key, Datum value)
{
	MemoryContext old;
	Datum kept;

	if (key->mode != KEY_JSON && key->typbyval)
		return value;
	old = MemoryContextSwitchTo(panel->cxt);
	if (key->mode == KEY_JSON)
	{
		const JsonbValue *v = (const JsonbValue *) DatumGetPointer(value);

		panel_charge(panel, sizeof(JsonbValue) + panel_json_bytes(v));
		kept = PointerGetDatum(panel_copy_json(v));
	}
	else
	{
		panel_charge(panel, datumGetSize(value, false, key->typlen));
		kept = datumCopy(value, false, key->typlen);
	}
	MemoryContextSwitchTo(old);
	return kept;
}

/* image -- the bytes of a value that may be spelled in several ways. */
static const char *
image(const PanelKey *key, Datum value, Size *size)
{
	if (key->mode == KEY_JSON)
	{
		const JsonbValue *v = (const JsonbValue *) DatumGetPointer(value);

		*size = panel_json_bytes(v);
		return v->type == jbvNumeric ? (const char *) v->val.numeric
									 : (const char *) v->val.binary.data;
	}
	if (key->typlen == -1)
	{
		*size = VARSIZE_ANY_EXHDR(DatumGetPointer(value));
		return VARDATA_ANY(DatumGetPointer(value));
	}
	*size = datumGetSize(value, false, key->typlen);
	return DatumGetPointer(value);
}

/*
 * keep_least_spelling -- "value" equals what the group has: keep the spelling
 * that comes first.
 */
static void
keep_least_spelling(TallyPanel *panel, const PanelKey *key, Datum *kept,
					Datum value)
{
	const char *a;
	const char *b;
	Size asize;
	Size bsize;
	int order;

	if (key->mode == KEY_JSON)
	{
		const JsonbValue *v = (const JsonbValue *) DatumGetPointer(value);

		if (v->type != jbvNumeric && v->type != jbvBinary)
			return;
	}
	else if (key->typbyval)
		return;
	a = image(key, value, &asize);
	b = image(key, *kept, &bsize);
	order = memcmp(a, b, Min(asize, bsize));
	if (order < 0 || (order == 0 && asize < bsize))
		*kept = keep_value(panel, key, value);
}

/* add_group -- a new group with the probed keys. */
static int32
add_group(TallyPanel *panel)
{
	int32 group = panel->ngroups;
	Datum *values;
	bool *nulls;

	CHECK_FOR_INTERRUPTS();
	panel_check_group(panel, (int64) group + 1);
	if (group == panel->max_groups)
	{
		Size max = Max(16, (Size) panel->max_groups * 2);
		Size more = (max - panel->max_groups) * panel->nkeys;

		/* and what the hash table takes for them: two slots, about */
		panel_charge(panel,
					 more * (sizeof(Datum) + sizeof(bool)) +
						 (max - panel->max_groups) * 2 * sizeof(GroupEntry));
		if (panel->key_values == NULL)
		{
			panel->key_values =
				MemoryContextAlloc(panel->cxt, more * sizeof(Datum));
			panel->key_nulls =
				MemoryContextAlloc(panel->cxt, more * sizeof(bool));
		}
		else
		{
			panel->key_values =
				repalloc_huge(panel->key_values,
							  max * panel->nkeys * sizeof(Datum));
			panel->key_nulls =
				repalloc_huge(panel->key_nulls,
							  max * panel->nkeys * sizeof(bool));
		}
		panel->max_groups = (int32) max;
	}

	values = &panel->key_values[(Size) group * panel->nkeys];
	nulls = &panel->key_nulls[(Size) group * panel->nkeys];
	for (int i = 0; i < panel->nkeys; i++)
	{
		nulls[i] = panel->probe_nulls[i];
		values[i] =
			nulls[i]
				? (Datum) 0
				: keep_value(panel, &panel->keys[i], panel->probe_values[i]);
	}
	panel->changed = true;
	panel->ngroups++;
	return group;
}

int32
panel_find_group(TallyPanel *panel, const Datum *keys, const bool *nulls,
				 bool add)
{
	Datum probe[FUNC_MAX_ARGS];
	uint32 hash = 0;
	bool spelled = false; /* some part may be spelled in several ways */
	bool found = true;
	GroupEntry *entry;

	Assert(panel->nkeys <= FUNC_MAX_ARGS);
	for (int i = 0; i < panel->nkeys; i++)
	{
		PanelKey *key = &panel->keys[i];

		hash = pg_rotate_left32(hash, 1);
		if (nulls[i])
		{
			probe[i] = (Datum) 0;
			continue;
		}
		probe[i] = canonical(key, keys[i]);
		hash ^= hash_value(key, probe[i]);
		spelled |= key->mode >= KEY_JSON;
	}
	panel->probe_values = probe;
	panel->probe_nulls = nulls;

	if (add)
		entry = panel_groups_insert_hash(panel->groups, PROBE, hash, &found);
	else
		entry = panel_groups_lookup_hash(panel->groups, PROBE, hash);
	if (entry == NULL)
		return -1;
	if (!found)
		entry->group = add_group(panel);
	else if (spelled)
		for (int i = 0; i < panel->nkeys; i++)
			if (!nulls[i] && panel->keys[i].mode >= KEY_JSON)
				keep_least_spelling(
					panel,
					&panel->keys[i],
					&panel->key_values[(Size) entry->group * panel->nkeys + i],
					probe[i]);
	return entry->group;
}

int32
tally_panel_group(TallyPanel *panel, const Datum *keys, const bool *nulls)
{
	return panel_look_up(panel, keys, nulls, true);
}

int32
tally_panel_find_group(TallyPanel *panel, const Datum *keys, const bool *nulls)
{
	return Max(panel_look_up(panel, keys, nulls, false), -1);
}

int32
tally_panel_other_group(TallyPanel *panel, bool make)
{
	bool nulls[FUNC_MAX_ARGS];

	if (panel->other < 0 && make)
	{
		/* It is not in the hash table, so no key leads to it. */
		memset(nulls, true, sizeof(nulls));
		panel->probe_values = NULL;
		panel->probe_nulls = nulls;
		panel->other = add_group(panel);
	}
	return panel->other;
}

Datum
tally_panel_key(const TallyPanel *panel, int32 group, int key, bool *isnull)
{
	Size at = (Size) group * panel->nkeys + key;
	Datum value = panel->key_values[at];

	*isnull = panel->key_nulls[at];
	if (*isnull || panel->keys[key].mode != KEY_JSON)
		return value;
	return JsonbPGetDatum(
		JsonbValueToJsonb((JsonbValue *) DatumGetPointer(value)));
}

const JsonbValue *
tally_panel_key_json(const TallyPanel *panel, int32 group, int key)
{
	Size at = (Size) group * panel->nkeys + key;

	Assert(panel->keys[key].mode == KEY_JSON);
	return panel->key_nulls[at]
			   ? NULL
			   : (const JsonbValue *) DatumGetPointer(panel->key_values[at]);
}

typedef struct OrderArg
{
	TallyPanel *panel;
	FmgrInfo *compare; /* one a key */
} OrderArg;

static int
order_groups(const void *a, const void *b, void *arg)
{
	const OrderArg *order = arg;
	const TallyPanel *panel = order->panel;
	Size ga = (Size) * (const int32 *) a * panel->nkeys;
	Size gb = (Size) * (const int32 *) b * panel->nkeys;

	for (int i = 0; i < panel->nkeys; i++)
	{
		const PanelKey *key = &panel->keys[i];
		Datum va = panel->key_values[ga + i];
		Datum vb = panel->key_values[gb + i];
		int result;

		if (panel->key_nulls[ga + i] || panel->key_nulls[gb + i])
			result = (int) panel->key_nulls[ga + i] -
					 (int) panel->key_nulls[gb + i];
		else if (key->mode == KEY_JSON)
			result =
				panel_order_json((const JsonbValue *) DatumGetPointer(va),
								 (const JsonbValue *) DatumGetPointer(vb));
		else
			result = DatumGetInt32(FunctionCall2Coll(
				&order->compare[i], key->def.collation, va, vb));
		if (result != 0)
			return result;
	}
	return 0;
}

int32 *
tally_panel_order(TallyPanel *panel)
{
	int32 *groups =
		MemoryContextAllocHuge(CurrentMemoryContext,
							   Max(panel->ngroups, 1) * sizeof(int32));
	OrderArg arg = {panel, palloc0(Max(panel->nkeys, 1) * sizeof(FmgrInfo))};
	int32 n = 0;

	for (int32 g = 0; g < panel->ngroups; g++)
		if (g != panel->other)
			groups[n++] = g;
	for (int i = 0; i < panel->nkeys; i++)
		if (panel->keys[i].mode != KEY_JSON)
		{
			TypeCacheEntry *type = lookup_type_cache(panel->keys[i].def.type,
													 TYPECACHE_CMP_PROC_FINFO);

			fmgr_info_copy(&arg.compare[i],
						   &type->cmp_proc_finfo,
						   CurrentMemoryContext);
		}
	qsort_interruptible(groups, n, sizeof(int32), order_groups, &arg);
	return groups;
}
