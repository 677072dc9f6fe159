/*
 * compat.h
 *	  Every difference between server versions 15 to 18, in one place.
 */
#ifndef TALLY_COMPAT_H
#define TALLY_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "Tally needs PostgreSQL 15 or later"
#endif

/* VARDATA() and its like: no longer in postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Of a function that does not return: since 18 so, and before all else. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/*
 * Index entries of a new row.  16 can be asked for summarizing indexes only;
 * 18 is told which row not to count as a conflict: none here.
 */
#if PG_VERSION_NUM >= 160000
#define TallyInsertIndexTuples(rri, slot, estate, spec, conflict, arbiters)   \
	ExecInsertIndexTuples(                                                    \
		rri, slot, estate, false, spec, conflict, arbiters, false)
#else
#define TallyInsertIndexTuples(rri, slot, estate, spec, conflict, arbiters)   \
	ExecInsertIndexTuples(rri, slot, estate, false, spec, conflict, arbiters)
#endif

#if PG_VERSION_NUM >= 180000
#define TallyCheckIndexConstraints(rri, slot, estate, tid, arbiters)          \
	ExecCheckIndexConstraints(rri,                                            \
							  slot,                                           \
							  estate,                                         \
							  tid,                                            \
							  &(ItemPointerData){{0xFFFF, 0xFFFF}, 0},        \
							  arbiters)
#else
#define TallyCheckIndexConstraints(rri, slot, estate, tid, arbiters)          \
	ExecCheckIndexConstraints(rri, slot, estate, tid, arbiters)
#endif

/* Names in text: since 16 errors may be handed back instead of raised. */
#if PG_VERSION_NUM >= 160000
#define TallyParseType(name, type, typmod)                                    \
	((void) parseTypeString(name, type, typmod, NULL))
#define TallyQualifiedNames(name) stringToQualifiedNameList(name, NULL)
#else
#define TallyParseType(name, type, typmod)                                    \
	parseTypeString(name, type, typmod, false)
#define TallyQualifiedNames(name) stringToQualifiedNameList(name)
#endif

/* A range that has something in it; that the bounds are in order is checked. */
#if PG_VERSION_NUM >= 160000
#define TallyMakeRange(typcache, lower, upper)                                \
	make_range(typcache, lower, upper, false, NULL)
#else
#define TallyMakeRange(typcache, lower, upper)                                \
	make_range(typcache, lower, upper, false)
#endif

/* Rights of a planned statement's tables: with them, or beside them. */
#if PG_VERSION_NUM >= 160000
#define TallyCheckPermissions(stmt)                                           \
	((void) ExecCheckPermissions((stmt)->rtable, (stmt)->permInfos, true))
#else
#define TallyCheckPermissions(stmt)                                           \
	((void) ExecCheckRTPerms((stmt)->rtable, true))
#endif

/* The right of the caller to execute a function. */
#if PG_VERSION_NUM >= 160000
#define TallyMayExecute(function)                                             \
	object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE)
#else
#define TallyMayExecute(function)                                             \
	pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE)
#endif

/* The columns of a range table entry; of RETURNING since 18, there are two. */
#if PG_VERSION_NUM >= 180000
#define TallyExpandRte(rte, rti, names, vars)                                 \
	expandRTE(rte, rti, 0, VAR_RETURNING_DEFAULT, -1, true, names, vars)
#else
#define TallyExpandRte(rte, rti, names, vars)                                 \
	expandRTE(rte, rti, 0, -1, true, names, vars)
#endif

/* What EXPLAIN shows of a node: since 18 beside commands/explain.h. */
#if PG_VERSION_NUM >= 180000 && defined(EXPLAIN_H)
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* Rows that changed since a table was analyzed. */
#if PG_VERSION_NUM >= 160000
#define TallyChangedRows(entry) ((entry)->mod_since_analyze)
#else
#define TallyChangedRows(entry) ((entry)->changes_since_analyze)
#endif

#endif
