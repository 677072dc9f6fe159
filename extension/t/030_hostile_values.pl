# Goal of this test: no value that a user can send harms the server: damaged
# panels and series, requests and filters with anything anywhere, damaged
# batches of events.
#
# Each is drawn from the seed TALLY_SEED (printed).  An error is a good answer
# when it is one that a user can make; what is accepted must be a value like
# any other.  TALLY_FUZZ multiplies how many are drawn (1).
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallySeed qw(seed);
use TallyTest;

my $times = $ENV{TALLY_FUZZ} // 1;
srand(seed('hostile values'));

my $tally = TallyTest->new(name => 'hostile');
$tally->start_postgres(conf => "log_min_messages = fatal\nlog_min_error_statement = fatal");

sub sql { return $tally->psql(@_) }
sub one_of { return $_[rand @_] }

sql(<<'SQL');
CREATE EXTENSION IF NOT EXISTS tally;
CREATE TABLE ev AS
SELECT '2025-03-01 00:00Z'::timestamptz + i * interval '17 hours' AS at, i % 7 AS k,
	(i % 13)::numeric / 3 AS v, chr(97 + i % 5) AS t, (i * 0.3)::float8 AS f
FROM generate_series(0, 59) i;

-- Panels, by the function that released versions make them with.
CREATE FUNCTION panel_row(tally.panel, tally.grid, text, "any", VARIADIC "any") RETURNS tally.panel
	LANGUAGE C PARALLEL SAFE AS '$libdir/tally', 'tally_collect';
CREATE AGGREGATE panel(tally.grid, text, "any", VARIADIC "any") (
	SFUNC = panel_row, STYPE = tally.panel);
CREATE TABLE good_panel AS
SELECT panel(tally.grid(every, daterange('2025-03-01', '2025-04-05'), zone),
	'*sagl'::text, at, v, f, t, v, k, t, v, at::timestamp) AS p
FROM ev, unnest('{7 day,1 mon}'::interval[]) every, unnest('{UTC,Europe/Berlin}'::text[]) zone
GROUP BY every, zone;
INSERT INTO good_panel
SELECT panel(tally.grid('1 day', daterange('2025-03-01', '2025-04-05'), 'UTC'),
	'snllg'::text, at, k, t, at::date, f, ARRAY[k], f, ARRAY[t]) FROM ev WHERE k < 3;
INSERT INTO good_panel
SELECT panel(tally.grid('1 day', daterange('2025-03-01', '2025-03-05'), 'UTC'),
	's'::text, at, 1e50::numeric + v, k::text COLLATE "C", v) FROM ev WHERE k < 3;

CREATE TABLE good_series AS
SELECT tally.count(g, at) AS s FROM ev, tally.grid('1 day', daterange('2025-03-01', '2025-04-05'), 'UTC') g;
INSERT INTO good_series
SELECT unnest(ARRAY[tally.sum(g, at, k), tally.sum(g, at, v), tally.avg(g, at, f), tally.min(g, at, v),
	tally.max(g, at, k), tally.sum(g, at, 1e60::numeric)])
FROM ev, tally.grid('3 day', daterange('2025-03-01', '2025-04-05'), 'Europe/Berlin') g;
INSERT INTO good_series
SELECT unnest(ARRAY[tally.first(g, at, t), tally.last(g, at, v), tally.variance(g, at, v), tally.stddev(g, at, f), tally.stats(g, at, v),
	tally.stats(g, at, f), tally.median(g, at, v), tally.percentiles(g, at, CASE k WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE f END, 20),
	tally.distinct(g, at, v), tally.distinct(g, at, t), tally.distinct(g, at, k, 5), tally.distinct(g, at, v, 12), tally.values(g, at, t),
	tally.values(g, at, v), tally.percentiles(g, '2025-03-02Z', f * n, 20)])
FROM ev, tally.grid('20 days', daterange('2025-03-01', '2025-04-05'), 'UTC') g, generate_series(1, 10) n;

CREATE TABLE taken_panel (p tally.panel);
CREATE TABLE taken_series (s tally.series);
CREATE TABLE refused (how text, state text, message text);
CREATE FUNCTION take(how text, command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
EXCEPTION WHEN OTHERS THEN
	INSERT INTO refused VALUES (how, SQLSTATE, SQLERRM);
END $$;
SQL

# run(lines) -- all of them in one transaction; a server that died is a
# failure of its own, since psql then has none to speak to.
sub run
{
	my ($what, @lines) = @_;
	my ($ok, undef, $err) = $tally->psql_try("CREATE AGGREGATE pg_temp.merge(tally.panel) "
		. "(SFUNC = tally.panel_combine, STYPE = tally.panel);\nBEGIN;\nSET LOCAL statement_timeout = '60s';\n"
		. join('', @lines) . "COMMIT;\n");
	ok($ok, "$what: the server outlives all " . scalar @lines) or diag($err);
	$tally->wait_until('the server', sub { $tally->postgres_answers }) unless $ok;
}

# refusals(how, states) -- what was refused, and only so.  The server's own
# jsonb_recv() calls bytes of another version an internal error.
sub refusals
{
	my ($how, $allowed) = @_;
	is(sql("SELECT DISTINCT state || ' ' || left(message, 100) FROM refused"
			. " WHERE how = '$how' AND state !~ '^($allowed)'"
			. " AND message !~ '^unsupported jsonb version' LIMIT 5"),
		'', "$how: every error is one that a user can make");
}

#-----------------------------------------------------------------------------
# Panels and series
#-----------------------------------------------------------------------------

# Types that stand where another one was: pseudo-types, rows, domains, our own.
my @types = ('record', 'internal', 'cstring', 'anyelement', 'anyarray', 'void', 'unknown', 'text',
	'name', '"char"', 'bpchar', 'integer[]', 'text[]', 'int4range', 'nummultirange', 'bit varying', 'json',
	'jsonb', 'public.ev', 'pg_catalog.pg_class', 'regclass', 'interval', 'numeric', 'double precision',
	'real', 'smallint', 'bigint', 'boolean', 'uuid', 'money', 'point', 'xid8', 'oidvector',
	'information_schema.yes_or_no', 'tally.panel', 'tally.series', 'tally.grid', 'numeric(9,2)',
	'integer; DROP TABLE ev', "\xff\xfe", '');

# damage(bytes) -- one to three bytes changed, left out or put in; or the name
# of a type replaced, or the end cut off.
sub damage
{
	my ($bytes) = @_;
	my $how = rand();

	return substr($bytes, 0, rand(length $bytes)) if $how < 0.05;
	if ($how < 0.25)
	{
		my @at;
		push @at, [$-[0], $+[0]] while $bytes =~ /[\x04-\x1f][a-z][a-z ]{3,}(?:\[\])?/g;
		for (@at ? one_of(@at) : ())
		{
			my $name = one_of(@types);
			my $old = ord(substr($bytes, $_->[0], 1));
			substr($bytes, $_->[0], 1 + $old) = chr(length $name) . $name;
		}
		return $bytes;
	}
	for (1 .. 1 + int(rand(3)))
	{
		my $at = int(rand(length $bytes));
		my $byte = chr(one_of(0, 1, 2, 0x7f, 0x80, 0xff, int(rand(256))));

		if    ($how < 0.75) { substr($bytes, $at, 1) = $byte }
		elsif ($how < 0.85) { substr($bytes, $at, 1) = '' }
		else                { substr($bytes, $at, 0) = $byte }
	}
	return $bytes;
}

for my $type ('panel', 'series')
{
	my $column = substr($type, 0, 1);
	my @good = map { decode_base64($_) } split /\n/, sql("SELECT $column FROM good_$type");
	my ($short) = sort { length $a <=> length $b } @good;
	my @lines;

	# Every byte of the shortest, and then at random.
	for my $at (0 .. length($short) - 1)
	{
		for my $flip (0x01, 0x80)
		{
			my $bytes = $short;
			substr($bytes, $at, 1) = chr(ord(substr($bytes, $at, 1)) ^ $flip);
			push @lines, $bytes;
		}
	}
	push @lines, damage(one_of(@good)) for 1 .. 3000 * $times;
	run($type, map {
		my $text = encode_base64($_, '');
		"SELECT take('$type', 'INSERT INTO taken_$type VALUES (''$text'')');\n"
	} @lines);
	cmp_ok(sql("SELECT count(*) FROM taken_$type"), '>', 100, "some damaged $type values are good still");
	cmp_ok(sql("SELECT count(*) FROM refused WHERE how = '$type'"), '>', 500, 'and most are refused');

	# Binary: the same reader, behind COPY.
	my $file = $tally->dir . '/run/one';
	for my $n (1 .. 20)
	{
		my $bytes = damage(one_of(@good));
		open my $fh, '>:raw', $file or die "$file: $!\n";
		print $fh "PGCOPY\n\377\r\n\0", pack('NN', 0, 0), pack('nN', 1, length $bytes), $bytes, pack('n', 0xffff);
		close $fh;
		chmod 0644, $file;
		sql("SELECT take('$type', 'COPY taken_$type FROM ''$file'' (FORMAT binary)')");
	}

}

# What is wrong with the bytes, or with a type that they name.
my $bad_value = '08P01|22...|23514|0A000|3F000|42...|54000';
sql('CREATE VIEW numbered AS SELECT s, row_number() OVER () AS n FROM taken_series;'
	. 'CREATE VIEW panels AS SELECT p, row_number() OVER () AS n FROM taken_panel');
my $n = sql('SELECT count(*) FROM taken_series');
is(sql("SELECT count(*) FROM taken_panel WHERE p::text::tally.panel::text <> p::text"),
	0, 'what was taken as a panel is written and read again');
is(sql("SELECT count(*) FROM taken_series WHERE s::text::tally.series::text <> s::text"),
	0, 'and as a series too');
run('use of series', map { "SELECT take('series', format('$_', n)) FROM generate_series(1, $n) n;\n" } (
		'SELECT tally.values(s) FROM numbered WHERE n = %s',
		'SELECT tally.json(s) FROM numbered WHERE n = %s',
		q{SELECT tally.read(s, ''sum'') FROM numbered WHERE n = %s},
		'SELECT count(r) FROM (SELECT tally.rows(s) r FROM numbered WHERE n = %s) x',
		'SELECT tally.merge(s) FROM (SELECT s FROM numbered WHERE n = %1$s UNION ALL SELECT s FROM numbered WHERE n = %1$s) x'));
run('use of panels', "SELECT take('panel', format('SELECT length(m::text) FROM (SELECT pg_temp.merge(p) m FROM"
		. " (SELECT p FROM panels WHERE n = %1\$s UNION ALL SELECT p FROM panels WHERE n = %1\$s) x) y', n))"
		. " FROM panels;\n");
refusals($_, $bad_value) for 'panel', 'series';

#-----------------------------------------------------------------------------
# Requests and filters
#-----------------------------------------------------------------------------

my $p = $tally->create_project;
my $project = $p->{project};
my $json = JSON::PP->new->allow_nonref->canonical;

my @odd = (undef, JSON::PP::true, JSON::PP::false, 0, -1, 1, 5, 1.5, 1e300, -2147483648, 9223372036854775807, '',
	'0', '-1', '99999999999999999999', 'n', 'result', 'keen.timestamp', 'keen.id', 'keen', 'a.b.c', '.', 'a..b', "\x{20ac}" x 90,
	'x' x 2000, 'this_7_days', 'previous_100000_years', 'this_999999999_minutes', 'daily', 'minutely', 'every_100000_years',
	'every_0_days', 'every_7_', 'UTC', 'Europe/Berlin', '+14:00', 'Nowhere/At_all', '2025-03-01', '2025-03-01T00:00:00Z',
	'294276-12-31', '-4712-01-01T00:00:00Z', '0000-00-00', 'eq', 'in', 'exists', 'DESC',
	[], {}, [[]], [{}], [[], {}, undef, 1, 'x'], { start => 1 }, { start => '2025-03-01', end => '2025-04-01' },
	{ property_name => 'n', direction => 'DESC' }, [('g') x 25], [1 .. 150]);

my @requests = (
	{ event_collection => 'c', timeframe => { start => '2025-03-01T00:00:00Z', end => '2025-03-09T00:00:00+02:00' },
		interval => 'daily', timezone => 'Europe/Berlin', target_property => 'n', group_by => ['g', 'keen.id'],
		order_by => [{ property_name => 'result', direction => 'DESC' }, 'g'], limit => 3,
		filters => [{ property_name => 'n', operator => 'gt', property_value => 3 },
			{ property_name => 'keen.timestamp', operator => 'lt', property_value => '2025-03-05' },
			{ property_name => 's', operator => 'in', property_value => [1, 'x', undef, [], { a => 1 }] }] },
	{ event_collection => 'c', timeframe => 'this_3000_days', interval => 'every_2_weeks', target_property => 's', group_by => 's',
		order_by => 'result', limit => 1, filters => [{ property_name => 's', operator => 'contains', property_value => 'x' }] },
	{ event_collection => 'c', timeframe => 'previous_20_years', target_property => 'n', timezone => -3600 });

# spots(value) -- a setter for every place in a JSON value.
sub spots
{
	my ($value) = @_;
	my @all;

	for my $key (ref $value eq 'HASH' ? sort keys %$value : ())
	{
		push @all, sub { $value->{$key} = $_[0] }, sub { delete $value->{$key} }, spots($value->{$key});
	}
	for my $i (ref $value eq 'ARRAY' ? 0 .. $#$value : ())
	{
		push @all, sub { $value->[$i] = $_[0] }, sub { push @$value, $_[0] }, spots($value->[$i]);
	}
	return @all;
}

# spoilt(value) -- a copy with odd values in one to three places, as SQL.
sub spoilt
{
	my $copy = $json->decode($json->encode($_[0]));

	for (1 .. 1 + int(rand(3)))
	{
		my @spots = spots($copy) or last;
		one_of(@spots)->($json->decode($json->encode(one_of(@odd))));
	}
	return $json->encode($copy) =~ s/'/''/gr;
}

#-----------------------------------------------------------------------------
# Batches of events (first, so that requests find some)
#-----------------------------------------------------------------------------

# frame(json, id) -- one event, as extension/wire/frame.h has it.
sub frame
{
	my ($event, $id) = @_;
	my $body = pack('vv', defined $id ? 1 : 0, 1) . pack('q<q<', (730_000_000_000_000 + int(rand(1e12)) * 1000) x 2)
		. pack('a16', $id // '') . pack('H24', $project) . 'c' . $event;
	return pack('V', 4 + length $body) . $body;
}

my @events = ('{"n": 1, "s": "x", "g": "a"}', '{"n": 1e400, "s": ["x", 1], "g": null}', '{"s": {"a": [1, {"b": "\u20ac"}]}, "n": "5"}',
	'{"keen": {"timestamp": "2025-03-01T00:00:00Z", "id": 5}, "n": -0.0, "g": [1]}', '{}');
my $spool = '00000000-0000-0000-0000-000000000001';
sql("SELECT tally.spool_progress('$spool')");
my $first = join '', map { frame(one_of(@events)) } 1 .. 200;
sql("SELECT tally.ingest('$spool', 1, 200, '\\x" . unpack('H*', $first) . "')");
run('ingest', map {
	my $n = 1 + int(rand(4));
	my $batch = join '', map { frame(one_of(@events), rand() < 0.5 ? 'id' . int(rand(50)) : undef) } 1 .. $n;
	$batch = damage($batch) if rand() < 0.95;
	$n = int(rand(6)) if rand() < 0.1;
	my $hex = unpack 'H*', $batch;
	my $ids = rand() < 0.5 ? 'true' : 'false';
	my $out = one_of('NULL', "''{1}''", "''{2,NULL}''", "''{{1},{2}}''", "''{0}''");
	"SELECT take('ingest', format(\$\$SELECT tally.ingest('$spool', %1\$s + 1, %1\$s + $n, '\\x$hex', $ids, "
		. ($out =~ s/''/'/gr) . ")\$\$, tally.spool_progress('$spool')));\n"
} 1 .. 1500 * $times);
refusals('ingest', '22023|23505|54000|55000');
is(sql(<<'SQL'), '0', 'every event that was stored is an object at a finite time');
SELECT count(*) FROM tally_store.event WHERE jsonb_typeof(properties) <> 'object' OR NOT isfinite(at)
SQL

run('query', map {
	my $analysis = one_of('count', 'sum', 'minimum', 'maximum', 'average');
	my $pretty = one_of('true', 'false', 'NULL');
	"SELECT take('query', \$_\$SELECT string_agg(q, '')::jsonb FROM tally.query('$project', '$analysis', '"
		. spoilt(one_of(@requests)) . "', $pretty) q\$_\$);\n"
} 1 .. 2500 * $times);
refusals('query', '22023|54000|TL00[1-5]');
cmp_ok(sql("SELECT count(*) FROM refused WHERE how = 'query'"), '<', 2300 * $times, 'and some are answered');

run('filters', map {
	"SELECT take('filters', \$_\$SELECT tally.matches('" . spoilt($requests[0]{filters}) . "', properties, at, received_at, id)"
		. " FROM tally_store.event LIMIT 20\$_\$);\n"
} 1 .. 2500 * $times);
refusals('filters', '22023|54000|TL00[1-5]');
cmp_ok(sql("SELECT count(*) FROM refused WHERE how = 'filters'"), '<', 2300 * $times, 'and some are answered');

unlike($tally->log_text('postgres'), qr/terminated by signal|PANIC|runtime error/, 'and no backend died');
done_testing();
