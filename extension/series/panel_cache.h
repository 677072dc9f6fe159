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
 * Only where a slot is depends on the mixing of the words: bad luck, or a
 * client who looks for it, costs what the hash table costs.
 */
#ifndef TALLY_PANEL_CACHE_H
#define TALLY_PANEL_CACHE_H

#include "series/panel_internal.h"

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

	if (panel->cache == NULL ||
		!panel_sign(key[0].mode, keys[0], nulls[0], words))
		return false;
	return panel->nkeys == 1 ||
		   panel_sign(key[1].mode, keys[1], nulls[1], words + 2);
}

/* panel_cache_slot -- the first of the two slots that a key may be in. */
static inline uint64 *
panel_cache_slot(const TallyPanel *panel, const uint64 *words)
{
	/* Odd factors, the golden ratio's and a prime, spread what is close. */
	uint64 mixed =
		(words[0] ^ words[0] >> 32) * UINT64CONST(0x9E3779B97F4A7C15) +
		words[1] * UINT64CONST(0xC2B2AE3D27D4EB4F);

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
	const uint64 *slot = panel_cache_slot(panel, words);

	if (likely(panel_cache_hit(panel, slot, words)))
		return (int32) slot[panel->cache_stride - 1];
	slot += panel->cache_stride;
	if (panel_cache_hit(panel, slot, words))
		return (int32) slot[panel->cache_stride - 1];
	return -1;
}

#endif
