/*-------------------------------------------------------------------------
 *
 * coerce.c
 *	  From a value's own type to the one that a column list declares.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "series/run/coerce.h"

bool
tally_coercion_find(Coercion *c, Oid source, Oid target, int32 typmod)
{
	Oid func;
	bool varlena;

	memset(c, 0, sizeof(*c));
	c->target = target;
	target = getBaseTypeAndTypmod(target, &typmod);
	c->is_domain = target != c->target;
	c->cxt = CurrentMemoryContext;
	c->typmod = typmod;
	if (source == target)
		c->how = COERCE_NONE;
	else
		switch (
			find_coercion_pathway(target, source, COERCION_ASSIGNMENT, &func))
		{
			case COERCION_PATH_RELABELTYPE:
				c->how = COERCE_NONE;
				break;
			case COERCION_PATH_FUNC:
				c->how = COERCE_FUNC;
				fmgr_info(func, &c->func);
				break;
			case COERCION_PATH_COERCEVIAIO:
				c->how = COERCE_IO;
				getTypeOutputInfo(source, &func, &varlena);
				fmgr_info(func, &c->output);
				getTypeInputInfo(target, &func, &c->input_param);
				fmgr_info(func, &c->input);
				break;
			default:
				return false;
		}
	if (typmod >= 0 &&
		find_typmod_coercion_function(target, &func) == COERCION_PATH_FUNC)
	{
		c->has_length = true;
		fmgr_info(func, &c->length);
	}
	return true;
}

Datum
tally_coerce(Coercion *c, Datum value)
{
	switch (c->how)
	{
		case COERCE_NONE:
			break;
		case COERCE_FUNC:
			/* Cast functions take one to three arguments. */
			if (c->func.fn_nargs == 1)
				value = FunctionCall1(&c->func, value);
			else if (c->func.fn_nargs == 2)
				value =
					FunctionCall2(&c->func, value, Int32GetDatum(c->typmod));
			else
				value = FunctionCall3(&c->func,
									  value,
									  Int32GetDatum(c->typmod),
									  BoolGetDatum(false));
			break;
		case COERCE_IO:
			value = InputFunctionCall(&c->input,
									  OutputFunctionCall(&c->output, value),
									  c->input_param,
									  c->typmod);
			break;
	}
	if (c->has_length)
		value = FunctionCall3(&c->length,
							  value,
							  Int32GetDatum(c->typmod),
							  BoolGetDatum(false));
	if (c->is_domain)
		domain_check(value, false, c->target, &c->domain, c->cxt);
	return value;
}

void
tally_coerce_null(Coercion *c)
{
	if (c->is_domain)
		domain_check((Datum) 0, true, c->target, &c->domain, c->cxt);
}
