# Goal of this test: whoever calls our aggregates for somebody else, as the
# planner of a distributed table does on its shards, gets states that merged say
# what the aggregate says of all rows; and tally.series() asks for tables in
# shards in a way that such a planner can take apart.
#
# No other extension is needed: shards/partial.c calls aggregates in that way,
# and two rows of catalogs make a table look distributed.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $tally = TallyTest->new(name => 'shards');
$tally->start_postgres(plain => 1, conf => "jit = off\n");
sub sql { return $tally->psql($_[0], db => 'postgres') }
sub fails { my ($ok, undef, $err) = $tally->psql_try($_[0], db => 'postgres'); return $ok ? 'no error' : $err }

my $module = $tally->dir . '/run/partial.so';
chomp(my $include = qx("${\$tally->pg('pg_config')}" --includedir-server));
system('cc', '-O1', '-g', '-fPIC', '-shared', '-I', $include, '-o', $module, dirname(abs_path(__FILE__)) . '/shards/partial.c') == 0
	or BAIL_OUT('shards/partial.c does not compile');
sql(<<"SQL");
CREATE EXTENSION tally;
CREATE FUNCTION partial_row(internal, oid, record) RETURNS internal LANGUAGE C AS '$module';
CREATE FUNCTION partial_text(internal) RETURNS text LANGUAGE C AS '$module';
CREATE AGGREGATE partial(oid, record) (SFUNC = partial_row, STYPE = internal, FINALFUNC = partial_text);
CREATE AGGREGATE join_panels(tally.panel) (SFUNC = tally.panel_combine, STYPE = tally.panel);
CREATE AGGREGATE run(bytea, "any", VARIADIC "any") (SFUNC = tally.collect_row, STYPE = tally.panel);
CREATE AGGREGATE run_record(bytea, record) (SFUNC = tally.collect_record_row, STYPE = tally.panel);
SELECT setseed(0.31);
CREATE TABLE ev AS SELECT
	CASE WHEN random() < 0.98 THEN '2025-03-01Z'::timestamptz + random() * interval '32 days' END AS at,
	'k' || (random() ^ 2 * 12)::int AS k, i AS id, i % 5 AS shard, (random() * 100)::smallint AS i2, (random() * 1e6)::int - 500000 AS i4,
	nullif(i % 7, 0) * (random() * 1e12)::bigint AS i8, round((random() * 1000)::numeric, (random() * 4)::int) AS nu,
	((random() * 1000)::int / 8.0)::real AS f4, (random() * 100000)::int / 64.0::float8 AS f8,
	md5((random() * 50)::int::text) AS t, random() < 0.3 AS b, md5((random() * 30)::int::text)::uuid AS u,
	'2025-01-01Z'::timestamptz + (random() * 20)::int * interval '1 hour' AS tz, date '2025-01-01' + (random() * 9)::int AS day,
	jsonb_build_object('n', (random() * 9)::int, 's', 's' || i % 4) AS j, '2025-01-01'::timestamp + (random() * 20)::int * interval '1 hour' AS ts
FROM generate_series(1, 4000) i;
SQL
my $range = q{'1 day', daterange '[2025-03-02,2025-04-01)'};
my $grid = "tally.grid($range, 'Europe/Berlin')";

# Every two-step aggregate of the catalog, so that a new one is tested, too.
my %column = ('smallint' => 'i2', 'integer' => 'i4', 'bigint' => 'i8', 'numeric' => 'nu', 'real' => 'f4', 'double precision' => 'f8',
	'text' => 't', 'boolean' => 'b', 'uuid' => 'u', 'timestamp with time zone' => 'tz', 'timestamp without time zone' => 'ts', 'date' => 'day', 'jsonb' => 'j');
my ($n, @different) = (0);
for (split /\n/, sql(<<'SQL'))
SELECT p.oid::regprocedure, array_to_string(p.proargtypes::regtype[], ','), array_to_string(p.proargnames, ',')
FROM pg_proc p WHERE prokind = 'a' AND pronamespace = 'tally'::regnamespace AND prorettype = 'tally.series'::regtype
	AND proargtypes[0] = 'tally.grid'::regtype AND proargtypes[1] = 'timestamptz'::regtype ORDER BY 1
SQL
{
	my ($aggregate, $types, $names) = split /\|/;
	my @types = split /,/, $types;
	my @names = split /,/, $names // '';
	my @rest = map { ($names[$_] // '') =~ /^(bits|precision|compression)$/ ? 100 - 90 * ($1 ne 'compression') : $column{ $types[$_] } // die "no column of type $types[$_]\n" } 2 .. $#types;
	my $arguments = join ', ', $grid, 'at', @rest;
	# the last digits of a deviation, and what a digest keeps, hang on what was merged first
	my $far = $names =~ /compression/ ? 'abs(a.v::text::float8 - b.v::text::float8) > 0.02 * (SELECT max(abs(x.v::text::float8)) FROM a x)'
		: $aggregate =~ /^tally\.(stddev|variance).*(real|double)/ ? 'abs(a.v::text::float8 - b.v::text::float8) > 1e-12 * abs(a.v::text::float8)' : 'a.v::text <> b.v::text';
	my $cells = 'SELECT i, v, n FROM (%s) q(s), LATERAL tally.json(s) j,'
		. " LATERAL ROWS FROM (jsonb_array_elements(j -> 'values'), jsonb_array_elements(j -> 'n')) WITH ORDINALITY e(v, n, i)";
	my $all = sprintf $cells, 'SELECT ' . ($aggregate =~ s/\(.*//r) . "($arguments) FROM ev";
	my $merged = sprintf $cells, "SELECT tally.merge(p::tally.series) FROM (SELECT partial('$aggregate'::regprocedure, ROW($arguments)) FROM ev GROUP BY shard) s(p)";
	my ($ok, $said, $err) = $tally->psql_try("WITH a AS ($all), b AS ($merged) SELECT count(*) = 30 AND count(*) FILTER (WHERE a.n IS DISTINCT FROM b.n OR coalesce(CASE WHEN (a.v = 'null') <> (b.v = 'null')"
			. " THEN true WHEN a.v <> 'null' THEN $far ELSE false END, true)) = 0 FROM a FULL JOIN b USING (i)", db => 'postgres');
	$n++;
	push @different, "$aggregate: $said $err" unless $ok && $said =~ /^t$/;
}
cmp_ok($n, '>', 20, "aggregates found: $n");
is(join("\n", @different), '', 'the states of shards, merged, are the series of all rows');

# What tally.series() runs over a table in shards, and over one that is not.
my %series = (
	'counts' => ["'{count}', '{k}', tz => 'Europe/Berlin'", 'b timestamptz, k text, n bigint'],
	'measures, two keys' => ["'{count,sum(nu),min(i8),median(f8),distinct(u)}', '{k,b}', tz => 'UTC'", 'd timestamptz, k text, b bool, n bigint, s numeric, m bigint, f float8, u bigint'],
	'paths' => ["'{sum(j.n)}', '{j.s}', tz => 'UTC'", 'b timestamptz, k text, s numeric'],
	'the largest and the rest' => ["'{count}', '{k}', tz => 'UTC', top => 2, other => 'rest'", 'b timestamptz, k text, n bigint'],
	'an earlier period, filters' => [qq('{avg(i4)}', '{k}', tz => 'UTC', compare => '9 days', filters => '[["i2","gt",20]]'), 'b timestamptz, k text, n numeric, o numeric'],
	'no rows' => [qq('{count,sum(i4)}', tz => 'UTC', filters => '[["i2","gt",2000]]'), 'b timestamptz, n bigint, o bigint'],
);
my $answers = sub { map { my ($ask, $columns) = @{ $series{$_} }; $_ => sql("SELECT * FROM tally.series('ev', 'at', $range, $ask) AS t($columns)") } keys %series };
my $written = sub { my ($from) = @_; return sql("SELECT sql FROM tally.series${from}, 'at', $range, group_by => '{k}', tz => 'UTC')") };
my %plain = $answers->();
unlike($written->("_plan('ev'"), qr/collect_record/, 'without a distributing extension nothing is asked in records');
sql(<<'SQL');
CREATE TABLE local AS SELECT * FROM ev;
CREATE VIEW seen AS SELECT * FROM ev;
SET allow_system_table_mods = on;
INSERT INTO pg_extension SELECT 99, 'citus', extowner, extnamespace, false, '0', NULL, NULL FROM pg_extension LIMIT 1;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
INSERT INTO pg_dist_partition VALUES ('ev');
SQL
my %sharded = $answers->();
is($sharded{$_}, $plain{$_}, "of a distributed table: $_") for sort keys %series;
my $call = $written->("_plan('ev'");
like($call, qr/tally\.collect_record\('.*'::bytea, ROW\((ev\.)?at, (ev\.)?k\)\)/, 'its columns are one record');
like($written->("_plan('seen'"), qr/collect_record/, 'and those of a view');
like($written->("_query_plan('SELECT * FROM local', NULL"), qr/collect_record/, 'and those of a query');
unlike($written->("_plan('local'"), qr/collect_record/, 'but not those of a table that is not distributed');

my ($spec) = $call =~ /('\\x[0-9a-f]+')/;
is(sql("SELECT join_panels(p::tally.panel ORDER BY shard)::text = (SELECT run($spec, at, k ORDER BY shard, id)::text FROM ev)"
		. " FROM (SELECT shard, partial('tally.collect_record(bytea,record)'::regprocedure, ROW($spec\::bytea, ROW(at, k)) ORDER BY id) FROM ev GROUP BY shard) s(shard, p)"),
	't', 'the panels of its shards, joined, are the panel of all rows');

# Anyone may call it with any record.
my %refused = (
	"SELECT run_record($spec, r) FROM (SELECT ROW(at, k) FROM ev UNION ALL SELECT ROW(at, i4) FROM ev) x(r)" => qr/records of one series are of different types/,
	"SELECT run_record($spec, ROW(at, i4)) FROM ev" => qr/specification of tally.collect\(\) does not fit/,
	"SELECT run_record($spec, ROW(k, at)) FROM ev" => qr/no instant is of type/,
	"SELECT run_record($spec, ROW(at)) FROM ev" => qr/specification of tally.collect\(\) does not fit/,
	"SELECT run_record($spec, NULL::record) FROM ev" => qr/must not be null/,
	"SELECT run_record($spec, ROW()) FROM ev" => qr/has 0 columns/,
	"SELECT run_record(NULL, ROW(at, k)) FROM ev" => qr/specification must not be null/,
	"CREATE TABLE gone (at timestamptz, i int, k text); ALTER TABLE gone DROP i; INSERT INTO gone VALUES (now(), 'k'); SELECT run_record($spec, gone) FROM gone" => qr/has a dropped column/,
	"SELECT tally.collect_record($spec, ROW(at, k)) FROM ev" => qr/for Tally's own queries/,
	'SELECT run_record(' . "$spec, ROW(" . join(', ', ('at') x 99) . ')) FROM ev' => qr/has 99 columns/,
);
like(fails($_), $refused{$_}, substr "refused: $_" =~ s/'\\x\w+'/SPEC/r, 0, 90) for sort keys %refused;

unlike($tally->log_text('postgres'), qr/terminated by signal|PANIC|runtime error/, 'and no backend died');
done_testing();
