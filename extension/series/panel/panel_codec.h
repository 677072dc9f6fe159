/*
 * panel_codec.h
 *	  A panel as a run of bytes, for panel_write.c and panel_read.c alone.
 *
 * A panel is written in one of two forms: flat, to cross a process or to be
 * stored in a table of this database; portable, to be read by any server.
 *
 * FORMAT.  After the varlena header (flat) or from the start (portable):
 *
 *	  byte		PANEL_FORMAT, with PANEL_PORTABLE added in the portable form
 *	  grid		varint length, then the value: flat as it is, portable as its
 *				type's binary form
 *	  fill		byte mode, byte flags (FILL_HAS_..), then: 8 bytes of a
 *				constant; varints of a max_gap's months, days, time; 8 + 8
 *				bytes of a seed and its instant; of these what there is
 *	  varint	number of measures; for each: byte kind, type, collation,
 *				8 bytes param, varint precision
 *	  varint	number of keys; for each: byte is_json, type, collation
 *	  varint	for each measure: how many values it could not take
 *	  varint	number of the group of all others + 1; 0: there is none
 *	  varint	number of groups; for each but that one: its key, part by
 *				part: byte 0 null or 1, then the value
 *	  rows		for each bucket in which something fell: varint distance from
 *				the bucket before (the first: its number + 1); for each cell
 *				of it: varint distance from the group before, likewise; then
 *				the state of each measure; varint 0, where the next cell
 *				would be
 *	  varint	0, where the next row would be
 *
 * Format 1 is read, too: it has no param and precision, no counts of values
 * that were not taken and no group of all others.
 *
 * A type or collation is its OID (flat) or its name (portable).  What numbers
 * and values are, says measure/codec.h; what states are, the file of each in
 * measure/.  Only cells in which something fell are written, so a thin panel
 * is small.
 */
#ifndef TALLY_PANEL_CODEC_H
#define TALLY_PANEL_CODEC_H

#include "measure/codec.h"
#include "series/panel/panel_internal.h"

#define PANEL_FORMAT 2
#define PANEL_OLDEST_FORMAT 1
#define PANEL_PORTABLE 0x80

#define FILL_HAS_MAX_GAP 0x01
#define FILL_HAS_SEED 0x02

/* Is a count all that a cell holds? */
static inline bool
panel_only_counts(const TallyPanel *panel)
{
	return panel->nmeasures == 1 && panel->measures[0].state == STATE_COUNT &&
		   panel->cell_size == sizeof(MeasureCount);
}

#endif
