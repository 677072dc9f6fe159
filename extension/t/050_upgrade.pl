# Goal of this test: ALTER EXTENSION tally UPDATE from 0.1 makes what CREATE
# EXTENSION makes of the new version, to every fact of the catalogs; what 0.1
# stored is still read and merged, also as the very bytes that 0.1's library
# left in a table; and until the update is run, 0.1's functions work in the new
# library, or say clearly why not.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $here = dirname(abs_path(__FILE__));
my $tally = TallyTest->new(name => 'upgrade');
$tally->start_postgres;    # its database "tally" is the fresh install

my $new = version('tally');
my @steps = split /\n/, sql(<<'SQL', 'tally');
SELECT path FROM pg_extension_update_paths('tally')
WHERE source = '0.1' AND path IS NOT NULL AND target = (SELECT extversion FROM pg_extension WHERE extname = 'tally')
SQL
is(scalar @steps, 1, "there is a way from 0.1 to $new: @steps");

sub version { return sql("SELECT extversion FROM pg_extension WHERE extname = 'tally'", @_) }

sub sql { return $tally->psql($_[0], db => $_[1] // 'old') }

#-----------------------------------------------------------------------------
# What a database of 0.1 has: roles, events, keys, stored values, users' own
# objects that use ours.
#-----------------------------------------------------------------------------

sql('CREATE DATABASE old', 'postgres');
sql("CREATE EXTENSION tally VERSION '0.1'");
$tally->psql_file("$TallyTest::ROOT/deploy/roles.sql", db => 'old');
$tally->psql_file("$here/values-0.1.sql", db => 'old');
my ($project, $key) = split /\|/, sql("SELECT project, read_key FROM tally.create_project('old')");
sql(<<"SQL");
INSERT INTO tally_store.collection (project_id, name) SELECT project_id, 'c' FROM tally_store.project;
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, timestamptz '2025-03-01Z' + i * interval '7 min', now(), jsonb_build_object('a', i % 3, 'v', i)
FROM tally_store.collection c, generate_series(1, 1000) i;

-- values made by this library, for a database that calls itself 0.1
CREATE TABLE was.kept AS
SELECT grid, m.* FROM was.grid,
	LATERAL (SELECT tally.count(g, at), tally.sum(g, at, i2), tally.sum(g, at, i4), tally.sum(g, at, i8),
		tally.sum(g, at, nu), tally.sum(g, at, f8), tally.avg(g, at, i2), tally.avg(g, at, i8), tally.avg(g, at, nu),
		tally.avg(g, at, f8), tally.min(g, at, i4), tally.min(g, at, nu), tally.max(g, at, f8), tally.max(g, at, i8)
		FROM was.event) AS x(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14),
	LATERAL (VALUES ('count', a1), ('sum smallint', a2), ('sum int', a3), ('sum bigint', a4), ('sum numeric', a5),
		('sum float8', a6), ('avg smallint', a7), ('avg bigint', a8), ('avg numeric', a9), ('avg float8', a10),
		('min int', a11), ('min numeric', a12), ('max float8', a13), ('max bigint', a14)) AS m(measure, s);
CREATE TABLE was.stored AS
SELECT grid, measure, flat::tally.series AS flat, portable::tally.series AS portable, said FROM was.series;
CREATE TABLE was.panels AS SELECT grid, flat::tally.panel AS flat, portable::tally.panel AS portable FROM was.panel;
CREATE INDEX ON was.grid (g);
CREATE VIEW was.daily AS
SELECT measure, r.* FROM was.kept, LATERAL tally.rows(s) r WHERE grid = 'days';
SQL

my $query = "SELECT tally.query('$project', 'sum', '{\"event_collection\": \"c\", \"target_property\": \"v\", \"group_by\": \"a\","
	. ' "timeframe": {"start": "2025-03-01T00:00:00Z", "end": "2025-03-02T00:00:00Z"}}' . "')";
my $answer = sql($query);
my $daily = sql('TABLE was.daily');
my $snapshot = sql('SELECT * FROM tally.key_snapshot()');

#-----------------------------------------------------------------------------
# The new library under 0.1's SQL.
#-----------------------------------------------------------------------------

# calls(when) -- every ordinary function and aggregate, with nulls and with
# something plausible in each argument; none may take the backend down, and
# what it raises must not be an internal error.
sub calls
{
	my ($when) = @_;
	my $odd = sql(<<'SQL');
CREATE TEMP TABLE plausible (type regtype, value text);
INSERT INTO plausible VALUES ('tally.grid', '(SELECT g FROM was.grid WHERE grid = ''days'')'),
	('tally.series', '(SELECT s FROM was.kept WHERE grid = ''days'' AND measure = ''sum int'')'),
	('tally.panel', '(SELECT flat FROM was.panels WHERE grid = ''days'')'), ('text', '''zero'''), ('name', '''at'''),
	('regclass', '''was.event'''), ('interval', '''1 day'''), ('tstzrange', '''[2025-03-28Z,2025-04-02Z)'''),
	('daterange', '''[2025-03-28,2025-04-02)'''), ('text[]', '''{count,sum(i4)}'''), ('name[]', '''{t}'''),
	('int', '2'), ('bigint', '3'), ('smallint', '4'), ('numeric', '5.5'), ('double precision', '6.25'), ('bool', 'true'),
	('timestamptz', '''2025-03-29Z'''), ('timestamp', '''2025-03-29'''), ('date', '''2025-03-29'''),
	('jsonb', '''{"a": 1}'''), ('bytea', '''\x0102'''), ('"any"', '7'), ('uuid', '''00000000-0000-0000-0000-000000000001''');
CREATE FUNCTION pg_temp.attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RAISE 'what it did is undone' USING ERRCODE = 'T0000';
EXCEPTION WHEN OTHERS THEN
	-- what an aggregate is made of may say that it is not to be called by hand
	RETURN CASE WHEN SQLSTATE ~ '^(XX|22P05|P0|58)' AND SQLERRM !~ 'outside an aggregate|^tally.collect: ' THEN SQLSTATE || ' ' || SQLERRM || ': ' || call END;
END $$;
SELECT string_agg(left(x, 300), E'\n') FROM (
	SELECT pg_temp.attempt(format('SELECT %s FROM %s', CASE WHEN proretset THEN '1' ELSE call END,
		CASE WHEN NOT proretset THEN '(VALUES (1)) v' WHEN prorettype = 'record'::regtype AND proargmodes IS NULL THEN call || ' AS t(a timestamptz)' ELSE call END)) AS x
	FROM (
		SELECT p.*, format('%s(%s)', p.oid::regproc, (
			SELECT string_agg(CASE WHEN how = 'none' OR value IS NULL THEN 'NULL::' || CASE t WHEN '"any"'::regtype THEN 'text' ELSE t::regtype::text END
				ELSE value || CASE t WHEN '"any"'::regtype THEN '' ELSE '::' || t::regtype::text END END, ', ' ORDER BY n)
			FROM unnest(p.proargtypes) WITH ORDINALITY a(t, n) LEFT JOIN plausible ON type = t)) AS call
		FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
			JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'tally', unnest('{none,some}'::text[]) how
		WHERE 'internal'::regtype <> ALL (p.proargtypes) AND 'cstring'::regtype <> ALL (p.proargtypes)
	) c) x;
SQL
	is($odd, '', "$when: every function answers or says why not");
}

calls('0.1 in the new library');
is(version(), '0.1', 'the database still calls itself 0.1');

# same(title, query) -- a query that finds differences finds none, among some.
sub same
{
	my ($title, $query) = @_;
	my ($all, $different) = split /\|/, sql($query);
	cmp_ok($all, '>', 0, "$title: there are some");
	is($different, 0, "$title: none differs");
}

# read_back(when) -- all that was stored, three ways, against what was said.
sub read_back
{
	my ($when) = @_;
	same("$when: what 0.1 stored reads as 0.1 read it", <<'SQL');
SELECT count(*), count(*) FILTER (WHERE tally.json(flat) <> said OR tally.json(portable) <> said)
FROM was.stored
SQL
	same("$when: and is what the same rows give now", <<'SQL');
SELECT count(*), count(*) FILTER (WHERE flat::text <> s::text OR portable::text <> s::text)
FROM was.stored JOIN was.kept USING (grid, measure)
SQL
	same("$when: panels of both forms are one", <<'SQL');
SELECT count(*), count(*) FILTER (WHERE flat::text <> portable::text) FROM was.panels
SQL
	same("$when: old and new merge, every kind", <<'SQL');
SELECT count(*), count(*) FILTER (WHERE NOT same) FROM (
	SELECT (SELECT tally.merge(x)::text FROM unnest(ARRAY[flat, s, portable]) x)
		= (SELECT tally.merge(x)::text FROM unnest(ARRAY[s, s, s]) x) AS same
	FROM was.stored JOIN was.kept USING (grid, measure)) x
SQL
	is(sql($query), $answer, "$when: the event store answers as before");
	is(sql('TABLE was.daily'), $daily, "$when: a user's view shows the same");
	is(sql('SELECT * FROM tally.key_snapshot()'), $snapshot, "$when: keys are the same");
}
read_back('before');
my $series = "SELECT * FROM tally.series('was.event', 'at', '1 day', daterange '[2025-03-28,2025-04-03)',"
	. " '{count,sum(i4)}', '{t}', 'UTC') AS x(d timestamptz, t text, n bigint, s bigint)";
my ($ok, $out, $err) = $tally->psql_try($series, db => 'old');
like($err, qr/^ERROR:  extension tally of this database is older than its library\nHINT:  ALTER EXTENSION tally UPDATE;$/m,
	"0.1's tally.series says what is to be done");

#-----------------------------------------------------------------------------
# The update.
#-----------------------------------------------------------------------------

# What users made of functions whose arguments are others now is named, not
# taken, and all stays as it was.
my $uses = "CREATE VIEW was.series_view AS $series";
sql("$uses; CREATE MATERIALIZED VIEW \"Kept\" AS $series WITH NO DATA;");
($ok, $out, $err) = $tally->psql_try('ALTER EXTENSION tally UPDATE', db => 'old');
like($err, qr/ERROR:  tally.series\(\) and tally.series_long\(\) have new arguments, but are in use\nDETAIL:  They are used by: materialized view public."Kept", view was.series_view\.\nHINT:/,
	'views over tally.series() are named');
is(version(), '0.1', 'and nothing was updated');
my $definition = sql("SELECT pg_get_viewdef('was.series_view')");
sql('DROP VIEW was.series_view; DROP MATERIALIZED VIEW "Kept"');
sql('ALTER EXTENSION tally UPDATE');
is(version(), $new, "it is $new now");

# Who was granted what in 0.1 still may, before roles.sql is run again.
is(sql(<<'SQL'), '', 'what the roles could do in 0.1 they still can');
SELECT string_agg(role || ' ' || f, ', ') FROM (VALUES ('tally_writer', 'ingest'), ('tally_writer', 'key_snapshot'),
	('tally_writer', 'spool_progress'), ('tally_reader', 'key_snapshot'), ('tally_reader', 'query')) w(role, f)
WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE pronamespace = 'tally'::regnamespace AND proname = f
	AND has_function_privilege(role, p.oid, 'EXECUTE'))
SQL
is(sql(<<'SQL'), '', 'and PUBLIC may call no SECURITY DEFINER function');
SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p
WHERE pronamespace = 'tally'::regnamespace AND prosecdef AND has_function_privilege('public', p.oid, 'EXECUTE')
SQL
$tally->psql_file("$TallyTest::ROOT/deploy/roles.sql", db => 'old');

sql("CREATE VIEW was.series_view AS $definition");
is(sql('SELECT count(*) FROM was.series_view'), 6 * sql('SELECT count(DISTINCT coalesce(t, $$ $$)) FROM was.event'),
	'made again as it was, the view shows a series');
read_back('after');
calls("$new after the update");

# Every fact: each member of the extension, what hangs on it, and what it hangs
# on.  OIDs are replaced by what they stand for, as the catalogs themselves say
# which columns hold them; bodies and defaults by their text.
my $facts = <<'SQL';
SET search_path = pg_catalog;
CREATE TEMP TABLE member AS
SELECT classid, objid, objsubid FROM pg_depend d JOIN pg_extension e ON e.oid = refobjid AND extname = 'tally'
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e';
-- what is part of a member, like a type's array type and a class's operators
INSERT INTO member SELECT d.classid, d.objid, d.objsubid FROM pg_depend d JOIN member m
	ON (m.classid, m.objid) = (d.refclassid, d.refobjid) AND d.deptype = 'i';
INSERT INTO member SELECT 'pg_amop'::regclass, a.oid, 0 FROM pg_amop a JOIN member m ON m.classid = 'pg_opfamily'::regclass AND m.objid = amopfamily
UNION SELECT 'pg_amproc'::regclass, a.oid, 0 FROM pg_amproc a JOIN member m ON m.classid = 'pg_opfamily'::regclass AND m.objid = amprocfamily
EXCEPT TABLE member;

CREATE FUNCTION pg_temp.named(catalog regclass, ids oid[]) RETURNS text[] LANGUAGE sql AS
	$$ SELECT array_agg(CASE WHEN id = 0 THEN '-' ELSE pg_describe_object(catalog, id, 0) END ORDER BY n)
	FROM unnest(ids) WITH ORDINALITY u(id, n) $$;
CREATE FUNCTION pg_temp.facts(class regclass, object oid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	fact jsonb;
	ref record;
	ids oid[];
	key name := CASE class WHEN 'pg_aggregate'::regclass THEN 'aggfnoid' ELSE 'oid' END;
BEGIN
	EXECUTE format('SELECT to_jsonb(t) - ''oid'' FROM %s t WHERE %I = $1', class, key) INTO fact USING object;
	FOR ref IN SELECT fkcols[1] AS col, pktable, is_array FROM pg_get_catalog_foreign_keys()
			WHERE fktable = class AND cardinality(fkcols) = 1 AND pkcols = '{oid}' LOOP
		EXECUTE format(CASE WHEN ref.is_array THEN 'SELECT %I::oid[]' ELSE 'SELECT ARRAY[%I::oid]' END
				|| ' FROM %s WHERE %I = $1', ref.col, class, key) INTO ids USING object;
		fact := fact || jsonb_build_object(ref.col, pg_temp.named(ref.pktable, ids));
	END LOOP;
	IF class = 'pg_proc'::regclass THEN
		fact := fact || jsonb_build_object('proargdefaults', pg_get_function_arguments(object), 'prosqlbody', pg_get_function_sqlbody(object),
			'acl', (SELECT array_agg(a::text ORDER BY a::text) FROM pg_proc, unnest(proacl) a WHERE oid = object)) - 'proacl';
	END IF;
	RETURN fact;
END $$;

SELECT what || ': ' || key || ' = ' || value::text FROM (
	SELECT pg_describe_object(classid, objid, objsubid) AS what, pg_temp.facts(classid, objid) AS fact FROM member
	UNION ALL
	SELECT 'aggregate ' || pg_describe_object(classid, objid, objsubid), pg_temp.facts('pg_aggregate', aggfnoid)
	FROM member JOIN pg_aggregate ON classid = 'pg_proc'::regclass AND objid = aggfnoid::oid
	UNION ALL
	SELECT pg_describe_object(classid, objid, objsubid), jsonb_build_object('comment', obj_description(objid, classid::regclass::name))
	FROM member
	UNION ALL
	SELECT pg_describe_object(m.classid, m.objid, m.objsubid),
		jsonb_build_object('initial privileges', (SELECT array_agg(p::text ORDER BY p::text) FROM unnest(initprivs) p))
	FROM member m JOIN pg_init_privs i ON (i.classoid, i.objoid) = (m.classid, m.objid)
	UNION ALL
	SELECT pg_describe_object(m.classid, m.objid, m.objsubid), jsonb_build_object('hangs on ' || deptype::text || ' ' || pg_describe_object(refclassid, refobjid, refobjsubid), count(*))
	FROM member m JOIN pg_depend d USING (classid, objid) GROUP BY m.classid, m.objid, m.objsubid, deptype, refclassid, refobjid, refobjsubid
	UNION ALL
	SELECT 'extension', to_jsonb(e) - 'oid' - 'extnamespace' FROM pg_extension e WHERE extname = 'tally'
	UNION ALL
	SELECT 'schema', jsonb_build_object('acl', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) a)) FROM pg_namespace WHERE nspname = 'tally'
) f, LATERAL jsonb_each(fact) ORDER BY 1;
SQL
my %fact;
$fact{$_} = [ split /\n/, sql($facts, $_) ] for qw(tally old);
cmp_ok(scalar @{ $fact{tally} }, '>', 5000, 'facts of a fresh install: ' . @{ $fact{tally} });
for my $at ([ 'what a fresh install has, the update made', 'tally', 'old' ], [ 'and nothing else is there', 'old', 'tally' ])
{
	my %other = map { $_ => 1 } @{ $fact{ $at->[2] } };
	my @missing = grep { !$other{$_} } @{ $fact{ $at->[1] } };
	is(scalar @missing, 0, $at->[0]) or diag join "\n", map { substr $_, 0, 300 } @missing[ 0 .. (@missing > 15 ? 15 : @missing) - 1 ];
}

# A dump of the updated database is one of the new version, and comes back.
my @to = ('-h', $tally->dir . '/run', '-p', 5432, '-U', 'postgres');
my $dump = $tally->dir . '/run/old.sql';
$tally->run_as_user($tally->pg('pg_dump'), @to, '-f', $dump, 'old');
sql('CREATE DATABASE again', 'postgres');
$tally->run_as_user($tally->pg('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1', @to, '-d', 'again', '-f', $dump);
$tally->psql_file("$TallyTest::ROOT/deploy/roles.sql", db => 'again');
is(sql($query, 'again'), $answer, 'a dump of it is restored into a fresh database');
is(sql('SELECT md5(string_agg(s::text, $$ $$ ORDER BY grid, measure)) FROM was.kept', 'again'),
	sql('SELECT md5(string_agg(s::text, $$ $$ ORDER BY grid, measure)) FROM was.kept'), 'with its values');

unlike($tally->log_text('postgres'), qr/terminated by signal|PANIC|runtime error/, 'and no backend died');
done_testing();
