/*
 * panel_internal.h
 *	  The inside of a panel, for the files of panel/ and collect/ alone.
 */
#ifndef TALLY_PANEL_INTERNAL_H
#define TALLY_PANEL_INTERNAL_H

#include "lib/ilist.h"
#include "measure/measure.h"
#include "series/panel/fill.h"
#include "series/panel/panel.h"

#define PANEL_MAGIC 0x54616c79

/* How a part of a key is hashed and compared. */
typedef enum KeyMode
{
	KEY_BYVAL,	/* the Datum itself */
	KEY_FLOAT4, /* likewise, after -0 became 0 and any NaN the one NaN */
	KEY_FLOAT8,
	KEY_FIXED,	 /* the bytes, typlen of them */
	KEY_VARLENA, /* the bytes: equal means bitwise equal */
	/* from here on equal values may be spelled in several ways */
	KEY_JSON,	 /* a JsonbValue */
	KEY_NUMERIC, /* its digits, without zeros at the end */
	KEY_OTHER	 /* by the type's own hash and equality functions */
} KeyMode;

typedef struct PanelKey
{
	TallyKey def;
	KeyMode mode;
	int16 typlen;
	bool typbyval;
	FmgrInfo hash; /* KEY_OTHER; KEY_NUMERIC with many digits */
	FmgrInfo equal;
} PanelKey;

/* The cells of one bucket. */
typedef struct PanelRow
{
	char *cells; /* NULL until a value falls in the bucket */
	int32 ncells;
} PanelRow;

struct panel_groups_hash;

struct TallyPanel
{
	ExpandedObjectHeader hdr;
	int magic; /* PANEL_MAGIC */
	MemoryContext cxt;
	TallyGrid *grid;
	TallyFill fill;
	void *user;
	struct TallyHeld *held; /* see held.h; NULL: of no aggregation */
	int64 held_bytes;		/* what of it this panel is */

	int nmeasures;
	int cell_size;
	Measure *measures;
	int64 *rejected; /* values that no measure took, one a measure */

	int nkeys;
	PanelKey *keys;
	int32 ngroups;
	int32 max_groups;  /* room in the two arrays below */
	Datum *key_values; /* nkeys a group */
	bool *key_nulls;
	struct panel_groups_hash *groups;
	/* see panel_cache.h */
	bool has_cache; /* of one or the other form */
	struct PanelCodes *codes;
	uint64 *cache;
	int cache_bits;
	int cache_shift;
	int cache_stride;	/* words of a slot */
	int32 cache_groups; /* with so many it grows */
	uint32 cache_turn;
	int32 other; /* number of the group of all others, -1: there is none */
	/* the keys that are being looked up; see panel_keys.c */
	const Datum *probe_values;
	const bool *probe_nulls;

	TallyGridCursor cursor; /* in the grid */
	PanelRow *rows;			/* one a bucket */

	/* Adds what is still to be added; NULL: nothing is.  See collect.c. */
	void (*release)(TallyPanel *panel);

	bool changed; /* since "flat" was made */
	char *flat;	  /* what flattening will give, while it is asked for */
	Size flat_size;

	/* see panel_lend.c */
	bool is_lendable; /* its flat form is a number */
	uint64 lent_as;	  /* this one; 0: nobody has it */
	dlist_node lent_node;
};

/* panel_keys.c */
extern void panel_keys_init(TallyPanel *panel, int nkeys,
							const TallyKey *keys);

/* Looks a key up in the hash table; adds the group when it is new, or -1. */
extern int32 panel_find_group(TallyPanel *panel, const Datum *keys,
							  const bool *nulls, bool add);

/*
 * panel_cache.c: makes a cache where the keys are for it; puts into it what
 * the hash table found: a group, or PANEL_ABSENT.
 */
#define PANEL_ABSENT (-2)
extern void panel_cache_init(TallyPanel *panel);
extern void panel_cache_put(TallyPanel *panel, const uint64 *words,
							int32 group);

/* panel_json.c: values of JSON as parts of a key */
extern uint32 panel_hash_json(const JsonbValue *v);
extern bool panel_same_json(const JsonbValue *a, const JsonbValue *b);
extern int panel_order_json(const JsonbValue *a, const JsonbValue *b);

/* What a value takes, besides its JsonbValue. */
extern int64 panel_json_bytes(const JsonbValue *v);

/* A value of its own, in the current context. */
extern JsonbValue *panel_copy_json(const JsonbValue *v);

/* panel.c */

/*
 * Refuses more than tally.max_memory, with "bytes" that are about to be taken.
 */
extern void panel_charge(TallyPanel *panel, int64 bytes);

/* Refuses (22023) to merge what does not belong together. */
extern void panel_check_same_shape(const TallyPanel *a, const TallyPanel *b);

/* Checks that one more group is within the limits. */
extern void panel_check_group(const TallyPanel *panel, int32 ngroups);

/* The cell, made if it is not there. */
extern char *panel_cell(TallyPanel *panel, int32 bucket, int32 group);

/*
 * The panel that an expanded datum is.  What it holds may still have to be
 * added: all but who fills it take it from tally_panel_from_datum().
 */
static inline TallyPanel *
panel_expanded(Datum value)
{
	varatt_expanded pointer;
	TallyPanel *panel;

	/* As DatumGetEOHP() does it: the pointer need not be aligned. */
	memcpy(&pointer,
		   VARDATA_EXTERNAL(DatumGetPointer(value)),
		   sizeof(pointer));
	panel = (TallyPanel *) pointer.eohptr;
	if (unlikely(panel->magic != PANEL_MAGIC))
		elog(ERROR, "expanded object is not a panel");
	return panel;
}

/* Adds to the cells what was taken in before. */
static inline void
panel_settle(TallyPanel *panel)
{
	if (panel->release != NULL)
		panel->release(panel);
}

/* The bucket of an instant, -1 outside of the grid's range. */
static inline int32
panel_bucket(TallyPanel *panel, TimestampTz t)
{
	return tally_grid_bucket(panel->grid, &panel->cursor, t);
}

/* The cell, or NULL when no value fell there. */
static inline const char *
panel_find_cell(const TallyPanel *panel, int32 bucket, int32 group)
{
	const PanelRow *row = &panel->rows[bucket];

	return group < row->ncells ? row->cells + (Size) group * panel->cell_size
							   : NULL;
}

/* panel_write.c, panel_read.c */
extern Size panel_get_flat_size(ExpandedObjectHeader *hdr);
extern void panel_flatten_into(ExpandedObjectHeader *hdr, void *result,
							   Size allocated_size);
extern TallyPanel *panel_expand(struct varlena *flat, MemoryContext parent);

/*
 * Adds all of a flat panel to "into": as tally_panel_merge() of it expanded,
 * but without that second panel.
 */
extern void panel_absorb(TallyPanel *into, struct varlena *flat);

/*
 * panel_lend.c: the flat form of a panel that the combine function of this
 * process is going to take is this byte and a number.
 */
#define PANEL_LENT 0x7f
#define PANEL_LENT_BYTES (1 + sizeof(uint64))

extern Datum tally_panel_combine(PG_FUNCTION_ARGS);

/* Says that the panel is the state of the aggregate that called "fcinfo". */
extern void panel_allow_lending(TallyPanel *panel, FunctionCallInfo fcinfo);

/* The number of the panel. */
extern uint64 panel_lend(TallyPanel *panel);

/*
 * The panel whose number this is, now a child of "parent"; NULL: the value is
 * a panel written whole.
 */
extern TallyPanel *panel_take_back(struct varlena *flat, MemoryContext parent);

/*
 * Makes a panel whose flat form would be a number, and that came as it is, a
 * child of "parent"; nothing happens to any other.
 */
extern void panel_adopt(TallyPanel *panel, MemoryContext parent);

/*
 * The same in a form that another server can read: types by name and values
 * in their types' own binary form, so that nothing is believed unchecked.
 * The rest of "in" is read, and must be one panel.
 */
extern void panel_write_portable(StringInfo out, TallyPanel *panel);
extern TallyPanel *panel_read_portable(StringInfo in, MemoryContext parent);

#endif
