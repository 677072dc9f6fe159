/*
 * panel_cache.h
 *	  From a key of small values to its group without hashing its bytes: a
 *	  cache in front of the hash table of panel_keys.c.
 *
 * A value that is passed by value, a text of up to 15 bytes, a numeric of up
 * to five digits in base 10000, or a JSON string as short or a boolean has a
 * signature: two words that no other value of its type has.  A key of one or
 * two such values is found by comparing its words with those of two slots side
 * by side.  Other keys, and those whose slots others took, go to the hash
 * table.
 *
 * There are about as many slots as groups: the cache grows with them, up to
 * what stays near the processor.
 *
 * Of two parts of a key each mostly has far fewer values than there are groups.
 * Then each value has a code, a small number, and the group of two codes stands
 * in a square of four bytes a group, instead of in slots of forty.  With too
 * many values for that the key gets slots.
 *
 * Only where a slot is depends on the mixing of the words: bad luck, or a
 * client who looks for it, costs what the hash table costs.  Nor can it make
 * the search for a code long: its steps are bounded.
 */
#ifndef TALLY_PANEL_CACHE_H
#define TALLY_PANEL_CACHE_H

#include "series/panel/panel_internal.h"

#define PANEL_CACHE_KEYS 2
#define PANEL_CACHE_WORDS (2 * PANEL_CACHE_KEYS)
#define PANEL_CACHE_TEXT 15 /* bytes; the sixteenth holds the length */

/* In the highest byte of the second word: what the value is; never 0. */
#define SIGN_BYVAL UINT64CONST(0x10)
#define SIGN_JSON_BOOL UINT64CONST(0x20)
#define SIGN_NULL UINT64CONST(0x30)
#define SIGN_TEXT UINT64CONST(0x40) /* with the length in the low bits */
#define SIGN_NUMERIC UINT64CONST(0x50)

/* panel_sign_text -- of up to PANEL_CACHE_TEXT bytes, padded with zeros. */
static inline void
panel_sign_text(const char *text, uint32 len, uint64 *words)
{
	uint64 low = 0;
	uint64 high = 0;
	const unsigned char *s = (const unsigned char *) text;

	if (len >= 8)
	{
		memcpy(&low, s, 8);
		memcpy(&high, s + len - 8, 8);
		/* of the last 8 bytes those that the first word does not have */
		high = len > 8 ? high >> (8 * (16 - len)) : 0;
	}
	else if (len >= 4)
	{
		uint32 first;
		uint32 last;

		memcpy(&first, s, 4);
		memcpy(&last, s + len - 4, 4);
		/* where they overlap they are the same */
		low = first | (uint64) last << (8 * (len - 4));
	}
	else if (len > 0)
		low = s[0] | (uint64) s[len / 2] << (8 * (len / 2)) |
			  (uint64) s[len - 1] << (8 * (len - 1));
	words[0] = low;
	words[1] = high | (SIGN_TEXT | len) << 56;
}

/* panel_sign_json -- likewise of a value of JSON. */
static inline bool
panel_sign_json(const JsonbValue *v, uint64 *words)
{
	if (v->type == jbvString && v->val.string.len <= PANEL_CACHE_TEXT)
	{
		panel_sign_text(v->val.string.val, v->val.string.len, words);
		return true;
	}
	if (v->type == jbvBool)
	{
		words[0] = v->val.boolean;
		words[1] = SIGN_JSON_BOOL << 56;
		return true;
	}
	return false;
}

/* panel_sign -- sets the two words of a value, or returns false. */
static inline bool
panel_sign(KeyMode mode, Datum value, bool isnull, uint64 *words)
{
	const struct varlena *v;

	if (isnull)
	{
		words[0] = 0;
		words[1] = SIGN_NULL << 56;
		return true;
	}
	switch (mode)
	{
		case KEY_BYVAL:
		case KEY_FLOAT4:
		case KEY_FLOAT8:
			words[0] = (uint64) value;
			words[1] = SIGN_BYVAL << 56;
			return true;
		case KEY_VARLENA:
			v = (const struct varlena *) DatumGetPointer(value);
			/* A compressed one, or one stored elsewhere, is longer. */
			if (VARATT_IS_COMPRESSED(v) || VARATT_IS_EXTERNAL(v) ||
				VARSIZE_ANY_EXHDR(v) > PANEL_CACHE_TEXT)
				return false;
			panel_sign_text(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), words);
			return true;
		case KEY_NUMERIC:
			v = (const struct varlena *) DatumGetPointer(value);
			if (VARATT_IS_COMPRESSED(v) || VARATT_IS_EXTERNAL(v) ||
				!tally_decimal_sign(v, words))
				return false;
			words[1] |= SIGN_NUMERIC << 56;
			return true;
		case KEY_JSON:
			return panel_sign_json((const JsonbValue *) DatumGetPointer(value),
								   words);
		default:
			return false;
	}
}

/*
 * panel_cache_sign -- the words of a key; false when it has none, or there is
 * no cache for keys as these.
 */
static inline bool
panel_cache_sign(const TallyPanel *panel, const Datum *keys, const bool *nulls,
				 uint64 *words)
{
	const PanelKey *key = panel->keys;

	if (!panel->has_cache ||
		!panel_sign(key[0].mode, keys[0], nulls[0], words))
		return false;
	return panel->nkeys == 1 ||
		   panel_sign(key[1].mode, keys[1], nulls[1], words + 2);
}

/* panel_mix -- the words of one value, spread. */
static inline uint64
panel_mix(const uint64 *words)
{
	/* Odd factors, the golden ratio's and a prime, spread what is close. */
	return (words[0] ^ words[0] >> 32) * UINT64CONST(0x9E3779B97F4A7C15) +
		   words[1] * UINT64CONST(0xC2B2AE3D27D4EB4F);
}

/* The codes of the values of one part of a key; nothing is taken out. */
typedef struct PanelValues
{
	uint64 *slots; /* three words: the value's two, then the code */
	int shift;
	int bits; /* there are 2^bits slots, and PANEL_CODE_STEPS more */
	int32 n;
} PanelValues;

/* The groups of two codes. */
typedef struct PanelCodes
{
	PanelValues values[2];
	int bits[2];   /* there is room for 2^bits codes of each */
	int32 *groups; /* number + 1; 0: not known; -1: there is none */
} PanelCodes;

/* So far from where a value belongs it is looked for. */
#define PANEL_CODE_STEPS 8

/* panel_code -- of a value; -1 when it has none yet. */
static inline int32
panel_code(const PanelValues *values, const uint64 *words)
{
	const uint64 *slot =
		&values->slots[(panel_mix(words) >> values->shift) * 3];

	for (int i = 0; i < PANEL_CODE_STEPS; i++, slot += 3)
	{
		if (likely(slot[0] == words[0] && slot[1] == words[1]))
			return (int32) slot[2];
		if (slot[1] == 0)
			break;
	}
	return -1;
}

/* panel_cache_slot -- the first of the two slots that a key may be in. */
static inline uint64 *
panel_cache_slot(const TallyPanel *panel, const uint64 *words)
{
	uint64 mixed = panel_mix(words);

	if (panel->nkeys == 2)
		mixed = (mixed ^ mixed >> 32 ^ words[2] ^ words[2] >> 32) *
					UINT64CONST(0x9E3779B97F4A7C15) +
				words[3] * UINT64CONST(0xC2B2AE3D27D4EB4F);
	return &panel->cache[(mixed >> panel->cache_shift) * 2 *
						 panel->cache_stride];
}

static inline bool
panel_cache_hit(const TallyPanel *panel, const uint64 *slot,
				const uint64 *words)
{
	if (slot[0] != words[0] || slot[1] != words[1])
		return false;
	return panel->nkeys == 1 || (slot[2] == words[2] && slot[3] == words[3]);
}

/*
 * panel_cached_group -- the group of a key whose words these are; PANEL_ABSENT
 * when it is known that there is none, -1 when the cache does not know.
 * A slot is its words, then the number of the group.
 */
static inline int32
panel_cached_group(const TallyPanel *panel, const uint64 *words)
{
	const PanelCodes *codes = panel->codes;
	const uint64 *slot;

	if (codes != NULL)
	{
		int32 first = panel_code(&codes->values[0], words);
		int32 second = panel_code(&codes->values[1], words + 2);
		int32 group;

		if (unlikely((first | second) < 0))
			return -1;
		group = codes->groups[(Size) first << codes->bits[1] | second];
		return likely(group >= 0) ? group - 1 : PANEL_ABSENT;
	}
	slot = panel_cache_slot(panel, words);
	if (likely(panel_cache_hit(panel, slot, words)))
		return (int32) slot[panel->cache_stride - 1];
	slot += panel->cache_stride;
	if (panel_cache_hit(panel, slot, words))
		return (int32) slot[panel->cache_stride - 1];
	return -1;
}

#endif
