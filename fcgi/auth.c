/*
 * auth.c
 *	  Which key came with the request, and may it do what is asked?
 *
 * Clients know one status for every trouble with a key, 401, and one code;
 * the message says which trouble it is (KEEN_API 2).
 */
#include "auth.h"

#include <string.h>

#include "hex.h"
#include "reply.h"
#include "request_fcgi.h"

/* A Retry-After while no keys are known: they are loaded every second. */
#define NO_KEYS_RETRY_MS 2000

static const char *const scope_names[SCOPE__COUNT] = {
	[SCOPE_NONE] = "any",
	[SCOPE_WRITE] = "write",
	[SCOPE_READ] = "read",
	[SCOPE_MASTER] = "master",
};

static const char *
presented_key(struct request *req)
{
	const char *key = request_header(req, "HTTP_AUTHORIZATION");

	if (key == NULL || *key == '\0')
		key = request_param(req, "api_key");
	return key != NULL && *key != '\0' ? key : NULL;
}

static void
refuse(struct request *req, enum keys_result result, enum scope scope)
{
	switch (result)
	{
		case KEYS_UNKNOWN_PROJECT:
			reply_error(req,
						REPLY_NOT_FOUND,
						"There is no project with the id in the path.");
			break;
		case KEYS_OTHER_PROJECT:
			reply_error(req,
						REPLY_INVALID_KEY,
						"The API key belongs to another project.");
			break;
		case KEYS_NO_SCOPE:
			reply_errorf(req,
						 REPLY_INVALID_KEY,
						 "The API key does not allow this: a %s key or the "
						 "master key is needed.",
						 scope_names[scope]);
			break;
		case KEYS_NONE:
			reply_unavailable(req,
							  REPLY_UNAVAILABLE,
							  METRIC_SHED_KEYS,
							  "The API keys cannot be checked now.",
							  NO_KEYS_RETRY_MS);
			break;
		case KEYS_OK:
		case KEYS_UNKNOWN_KEY:
			reply_error(req,
						REPLY_INVALID_KEY,
						"The API key is not known: it is wrong, or was "
						"revoked.");
			break;
	}
}

bool
auth_check(struct request *req, struct keys *keys, enum scope scope,
		   const char *project)
{
	const char *key = presented_key(req);
	uint8_t hash[KEY_HASH_BYTES];
	enum keys_result result;

	if (key == NULL)
	{
		reply_error(req,
					REPLY_INVALID_KEY,
					"An API key is needed: in the header Authorization or "
					"the parameter api_key.");
		return false;
	}

	if (!keys_ready(keys))
		result = KEYS_NONE;
	else if (!project_parse(project, req->project_id))
		result = KEYS_UNKNOWN_PROJECT;
	else if (!digest_sha256(key, strlen(key), hash))
		result = KEYS_NONE; /* out of memory: not the key's fault */
	else
		result = keys_check(keys, req->project_id, hash, scope);
	if (result != KEYS_OK)
	{
		refuse(req, result, scope);
		return false;
	}
	hex_text(req->project_id, TALLY_PROJECT_ID_BYTES, req->project);
	memcpy(&req->key_id, hash, sizeof(req->key_id));
	return true;
}
