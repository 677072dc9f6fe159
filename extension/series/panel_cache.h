/*
 * panel_cache.h
 *	  From a key of small values to its group without hashing its bytes: a
 *	  direct-mapped cache in front of the hash table of panel_keys.c.
 *
 * A value that is passed by value, a text of up to 15 bytes, or a JSON string
 * as short or a boolean has a signature: two words that no other value of its
 * type has.  A key of one such value is found by comparing the words with
 * those of one slot.  Other keys, and those whose slot another one took, go to
 * the hash table; so do keys of several parts, which mostly have too many
 * groups for the slots (measured: no gain).
 *
 * Only where a slot is depends on the mixing of the words: bad luck, or a
 * client who looks for it, costs what the hash table costs.
 */
#ifndef TALLY_PANEL_CACHE_H
#define TALLY_PANEL_CACHE_H

#include "series/panel_internal.h"

#define PANEL_CACHE_BITS 10
#define PANEL_CACHE_WORDS 2
#define PANEL_CACHE_TEXT 15 /* bytes; the sixteenth holds the length */

/* In the highest byte of the second word: what the value is. */
#define SIGN_BYVAL UINT64CONST(0x10)
#define SIGN_JSON_BOOL UINT64CONST(0x20)
#define SIGN_NULL UINT64CONST(0x30)
#define SIGN_TEXT UINT64CONST(0x40) /* with the length in the low bits */

typedef struct PanelCacheSlot
{
	uint64 words[PANEL_CACHE_WORDS];
	int32 group; /* meaningful when the words are a signature: never all 0 */
} PanelCacheSlot;

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

/* panel_sign -- sets the two words of a value, or returns false. */
static inline bool
panel_sign(KeyMode mode, Datum value, bool isnull, uint64 *words)
{
	if (isnull)
	{
		words[0] = 0;
		words[1] = SIGN_NULL << 56;
		return true;
	}
	if (mode <= KEY_FLOAT8)
	{
		words[0] = (uint64) value;
		words[1] = SIGN_BYVAL << 56;
		return true;
	}
	if (mode == KEY_VARLENA)
	{
		const struct varlena *v =
			(const struct varlena *) DatumGetPointer(value);

		/* A compressed one, or one stored elsewhere, is longer. */
		if (VARATT_IS_COMPRESSED(v) || VARATT_IS_EXTERNAL(v) ||
			VARSIZE_ANY_EXHDR(v) > PANEL_CACHE_TEXT)
			return false;
		panel_sign_text(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), words);
		return true;
	}
	if (mode == KEY_JSON)
	{
		const JsonbValue *v = (const JsonbValue *) DatumGetPointer(value);

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
	}
	return false;
}

/*
 * panel_cache_slot -- the slot of a key, or NULL when it has no signature.
 * Sets the words of the signature.
 */
static inline PanelCacheSlot *
panel_cache_slot(const TallyPanel *panel, Datum key, bool isnull,
				 uint64 *words)
{
	uint64 mixed;

	if (panel->cache == NULL ||
		!panel_sign(panel->keys[0].mode, key, isnull, words))
		return NULL;

	/* An odd factor, the golden ratio's, spreads what is close. */
	mixed = (words[0] ^ words[1] >> 7) * UINT64CONST(0x9E3779B97F4A7C15);
	mixed =
		((mixed ^ mixed >> 29) + words[1]) * UINT64CONST(0x9E3779B97F4A7C15);
	return &panel->cache[mixed >> (64 - PANEL_CACHE_BITS)];
}

static inline bool
panel_cache_hit(const PanelCacheSlot *slot, const uint64 *words)
{
	return slot->words[0] == words[0] && slot->words[1] == words[1];
}

#endif
