/*
 * keys_db.h
 *	  Where the keys come from: tally.key_snapshot().
 */
#ifndef TALLY_KEYS_DB_H
#define TALLY_KEYS_DB_H

#include <stdbool.h>

#include "db.h"
#include "keys.h"

/* A load() for keys_options; "db" is a struct db. */
bool keys_db_load(void *db, struct keys_builder *builder);

#endif
