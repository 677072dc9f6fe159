# json_check agrees with the server about what is JSON for jsonb, and about
# what keen.timestamp says in it; and what tally.ingest() stores of an event is
# what the server makes of its text.
#
# Texts that are nearly JSON are made, from a seed that is printed, and each is
# given to both.  TALLY_SEED repeats a run, TALLY_FUZZ_SECONDS lengthens
# it.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallySeed qw(seed);
use TallyTest;

my $seconds = $ENV{TALLY_FUZZ_SECONDS} // 20;
my $count = 25_000 * $seconds;
my $seed = seed("$count texts (in at most $seconds s)");
my $extension = dirname(abs_path(__FILE__)) . '/..';
my $cc = $ENV{CC} // 'cc';

my $tally = TallyTest->new(name => 'json');
my $dir = $tally->dir;
my @sources = ("$extension/unit/mutate_json.c",
	map { "$extension/wire/$_.c" } qw(json_check json_scan));
is(system($cc, '-std=c11', '-O2', "-I$extension/wire",
		'-o', "$dir/mutate", @sources), 0, 'the generator is built');

$tally->start_postgres;

open my $fh, '-|', "$dir/mutate", $seed, $count or die "mutate: $!\n";
my $texts = do { local $/; <$fh> };
close $fh or die "mutate failed\n";

# The server says no by an error.  The loop ends by the clock, so that a slow machine tests less, not longer.
my $out = $tally->psql(<<"SQL", db => 'postgres');
CREATE TABLE fuzz (n serial, bytes bytea, ours bool, event bool, kind text,
	value bytea);
COPY fuzz (bytes, ours, event, kind, value) FROM STDIN;
$texts\\.
CREATE FUNCTION ask(seconds int) RETURNS TABLE (what text, bytes bytea)
LANGUAGE plpgsql AS \$\$
DECLARE
	f record;
	parsed jsonb;
	stamp jsonb;
	kind text;
	ok bool;
	until timestamptz := clock_timestamp() + seconds * interval '1 s';
	asked int := 0;
	valid int := 0;
	events int := 0;
BEGIN
	FOR f IN SELECT * FROM fuzz ORDER BY n LOOP
		EXIT WHEN clock_timestamp() > until;
		CONTINUE WHEN f.ours IS NULL;
		BEGIN
			parsed := convert_from(f.bytes, 'UTF8')::jsonb;
			ok := true;
		EXCEPTION WHEN OTHERS THEN
			ok := false;
		END;
		asked := asked + 1;
		valid := valid + ok::int;
		events := events + f.event::int;
		what := NULL;
		bytes := f.bytes;
		-- Behind a zero, 16 and later read an exponent larger by one than 15
		-- does.  We refuse it everywhere.
		IF ok AND NOT f.ours AND current_setting('server_version_num')::int >= 160000
			AND encode(f.bytes, 'escape') ~ '0[eE][+]?0*1073741823([^0-9]|\$)' THEN
			what := NULL;
		ELSIF ok <> f.ours OR (f.event AND NOT ok) THEN
			what := CASE WHEN ok THEN 'refused' ELSE 'accepted' END;
		ELSIF f.event THEN
			stamp := parsed -> 'keen' -> 'timestamp';
			kind := CASE WHEN stamp IS NULL THEN 'absent'
				WHEN jsonb_typeof(stamp) = 'string' THEN 'string'
				ELSE 'other' END;
			IF f.kind <> kind
				OR convert_from(f.value, 'UTF8') <> stamp #>> '{}' THEN
				what := 'another timestamp';
			END IF;
		END IF;
		IF what IS NOT NULL THEN RETURN NEXT; END IF;
	END LOOP;
	what := format('%s %s %s', asked, valid, events);
	bytes := NULL;
	RETURN NEXT;
END \$\$;
SELECT what, encode(bytes, 'escape') FROM ask($seconds);
SQL

my @lines = split /\n/, $out;
my ($asked, $valid, $events) = (pop @lines) =~ /^(\d+) (\d+) (\d+)\|$/;
diag("$asked texts, $valid of them JSON, $events of them events");

# The server and we disagree about none of them.
is(scalar(@lines), 0, 'the server agrees about every text')
	or diag(join "\n", @lines > 20 ? @lines[0 .. 19] : @lines);

# And the texts were worth asking about.
cmp_ok($asked, '>=', 10_000, 'enough texts were asked about');
cmp_ok($valid, '>', $asked / 20, 'a fair part of them is JSON');
cmp_ok($asked - $valid, '>', $asked / 20, 'a fair part is not');
cmp_ok($events, '>', $asked / 50, 'and some are events');

#-----------------------------------------------------------------------------
# Stored
#-----------------------------------------------------------------------------

# Of the same texts some events; objects with many members, of which some have
# the same name; and lists of all lengths.
my @stored;
for my $line (split /\n/, $texts)
{
	my ($hex, undef, $event) = split /\t/, $line;
	push @stored, pack 'H*', $hex =~ s/^\\+x//r if $event eq 't';
	last if @stored == 3000;
}
srand($seed);
my @names = (map({ chr(97 + $_ % 26) x (1 + $_ % 5) } 0 .. 60), '', '\u0061', "\xc3\xa9", '\u00e9', '\"\\\\');
my @values = (qw(0 -0 7 -12 999999999999999999 -999999999999999999 1000000000000000000 100000 1.50 -2.5e3 1E-7
	0.000 true false null "" "x" {} []), '"\\\\"', '"tab\tand \ud83d\ude00"', '{"b":1,"a":2,"b":3}', ' [ 1 , "2" ,null ] ');
sub members { return join ',', map { '"' . $names[rand @names] . '" : ' . $values[rand @values] } 1 .. $_[0] }
push @stored, map({ '{' . members($_) . '}' } map { ($_) x 5 } 0 .. 80),
	map({ '{"list":[' . join(',', map { $_ % 3 ? $_ : '"v"' } 1 .. $_) . ']}' } 0 .. 40);

my $project = $tally->create_project('json')->{project};
my $spool = '00000000-0000-4000-8000-0000000000aa';
my ($n, $frames, $rows) = (0, '', '');
for my $text (@stored)
{
	$n++;
	$frames .= pack 'V v v q< q< a16 H24 a4 a*', 56 + length $text, 0, 4, $n, $n, '', $project, 'json', $text;
	$rows .= "$n\t\\\\x" . unpack('H*', $text) . "\n";
}
is($tally->psql("SELECT tally.spool_progress('$spool');"
		. "SELECT stored, rejected FROM tally.ingest('$spool', 1, $n, '\\x" . unpack('H*', $frames) . "')"),
	"0\n$n|", "all $n events are stored");
is($tally->psql(<<"SQL"), "$n|", 'each as the server reads its text');
CREATE TABLE sent (n int, bytes bytea);
COPY sent FROM STDIN;
$rows\\.
CREATE VIEW both_of AS
SELECT n, properties AS ours, convert_from(bytes, 'UTF8')::jsonb AS theirs
FROM tally_store.event JOIN sent ON at = '2000-01-01 00:00:00Z'::timestamptz + n * interval '1 us';
SELECT count(*), string_agg(theirs::text, E'\\n') FILTER (
	WHERE ours <> theirs OR ours::text <> theirs::text
		OR jsonb_hash_extended(ours, 7) <> jsonb_hash_extended(theirs, 7)) FROM both_of;
SQL

done_testing();
