/*
 * render.h
 *	  From a filled panel to the JSON answer, piece by piece.
 *
 * The pieces in order are the document.  A piece ends where a bucket does
 * once it is worth sending, or inside a bucket of many groups when it has
 * grown long: the whole answer is never in memory.
 */
#ifndef TALLY_RENDER_H
#define TALLY_RENDER_H

#include "query/spec.h"
#include "series/panel/panel.h"

typedef struct TallyRender TallyRender;

/*
 * Begins an answer in the current memory context; "panel" and "spec" must
 * live as long.
 */
extern TallyRender *tally_render_begin(const TallyQuerySpec *spec,
									   TallyPanel *panel, bool pretty);

/* The next piece, in the current memory context; NULL after the last. */
extern text *tally_render_next(TallyRender *render);

#endif
