# What was acknowledged is stored, once, whatever fails: tally-write killed
# in the middle of a load, the database stopped, stalled, its backends killed,
# the spool full, damaged, an event that the database refuses.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../../deploy/t/lib";

use JSON::PP ();
use POSIX qw(_exit);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'faults');
$tally->start_postgres;
my $p = $tally->create_project('one');
my %settings = (key_refresh_ms => 500, spool_file_mb => 1,
	spool_reserve_mb => 0, key_file => $tally->dir . '/keys');
$tally->start_write(%settings);
$tally->start_nginx;

my $base = "/3.0/projects/$p->{project}/events";
my $spool = $tally->dir . '/spool';

sub post { my ($path, %o) = @_;
	return $tally->http('POST', "$base$path", key => $p->{write_key}, %o) }

$tally->wait_until('the keys', sub { post('', json => {})->{status} == 200 });

# start_load(name, clients) -- clients that send events {"id": "name-k-n"}
# until they are told to stop, and write down which were acknowledged.  Every
# third request is a batch of ten.
my %clients;
sub start_load
{
	my ($name, $clients) = @_;
	for my $k (1 .. $clients)
	{
		my $file = $tally->dir . "/acked-$name-$k";
		my $pid = fork() // die "fork: $!";
		if ($pid == 0)
		{
			my $stop = 0;
			local $SIG{TERM} = sub { $stop = 1 };
			open my $fh, '>', $file or _exit(1);
			$fh->autoflush(1);
			for (my $n = 0; !$stop; $n++)
			{
				my @ids = map { "$name-$k-$n-$_" }
					1 .. ($n % 3 == 0 ? 10 : 1);
				my $began = time;
				my $r = @ids == 1
					? post('/load', json => { id => $ids[0] })
					: post('', json => { load => [map { { id => $_ } } @ids] });
				my $ms = int(1000 * (time - $began));
				my $code = $r->{status};
				my $ok = $code == 201 || $code == 200 ? 1 : 0;
				print $fh map { "$ok $code $ms $_\n" } @ids;
				sleep 0.02 unless $ok;
			}
			_exit(0);
		}
		$clients{$pid} = $file;
	}
	return;
}

# stop_load -- (acknowledged ids, {status => how often}, slowest answer in ms)
sub stop_load
{
	my (@ids, %codes);
	my $slowest = 0;
	kill 'TERM', keys %clients;
	for my $pid (keys %clients)
	{
		waitpid $pid, 0;
		open my $fh, '<', $clients{$pid} or die "$clients{$pid}: $!";
		while (<$fh>)
		{
			my ($ok, $code, $ms, $id) = split;
			$codes{$code}++;
			next unless $ok;
			push @ids, $id;
			$slowest = $ms if $ms > $slowest;
		}
	}
	%clients = ();
	return (\@ids, \%codes, $slowest);
}

# drained -- wait until the database has all that the spool had.
sub drained
{
	my $id = 'mark-' . time . '-' . rand;
	$tally->wait_until('an event to be taken',
		sub { post('/marks', json => { id => $id })->{status} == 201 }, 60);
	$tally->wait_until('the spool to drain', sub {
		$tally->psql(<<"SQL") }, 60);
SELECT count(*) FROM tally_store.event WHERE properties ->> 'id' = '$id'
SQL
	return;
}

# missing_and_doubled(ids) -- of the acknowledged, how many are not stored,
# and of all stored, how many more than once.
sub missing_and_doubled
{
	my ($ids) = @_;
	return $tally->psql(
		"CREATE TEMP TABLE acked (id text);\nCOPY acked FROM STDIN;\n"
			. join('', map { "$_\n" } @$ids) . "\\.\n" . <<'SQL');
WITH stored AS (SELECT properties ->> 'id' AS id, count(*) AS n
	FROM tally_store.event GROUP BY 1)
SELECT (SELECT count(*) FROM acked WHERE id NOT IN (SELECT id FROM stored)),
	(SELECT count(*) FROM stored WHERE n > 1)
SQL
}

#-----------------------------------------------------------------------------
# tally-write is killed
#-----------------------------------------------------------------------------

start_load('kill', 4);
for (1 .. 8)
{
	sleep 0.3 + rand 0.4;
	$tally->kill_process('write');
	sleep 0.05;
	$tally->start_write(%settings);
}
sleep 0.5;
my ($ids, $codes, $slowest) = stop_load();
drained();
cmp_ok(scalar(@$ids), '>', 500, 'a load with kill -9 in it: '
	. scalar(@$ids) . ' events acknowledged');
is(missing_and_doubled($ids), '0|0', 'each of them is stored once');
ok($codes->{502}, 'the others were told that it was not running');
diag(join ' ', 'answers:', map { "$_ x $codes->{$_}" } sort keys %$codes);

#-----------------------------------------------------------------------------
# The database goes and comes
#-----------------------------------------------------------------------------

# ready(status, like) -- what /health/ready says.
sub ready
{
	my $r = $tally->http('GET', '/health/ready');
	return "$r->{status} " . ($r->{json}{status} // '?');
}

start_load('stop', 4);
sleep 0.5;
$tally->stop_postgres;
$tally->wait_until('the warning', sub { ready() eq '200 warn' }, 5);
pass('with the database stopped it is ready, with a warning');
sleep 2;
is(ready(), '200 warn', 'and stays so');
my $r = $tally->http('GET', '/health/ready');
cmp_ok($r->{json}{checks}{'database:delay'}[0]{observedValue}, '>=', 1,
	'which says for how long events have not been stored');
$tally->start_postgres;
sleep 0.5;
($ids, $codes, $slowest) = stop_load();
drained();
is_deeply([ grep { $_ > 201 } keys %$codes ], [],
	'every event was taken meanwhile: ' . scalar @$ids);
cmp_ok($slowest, '<', 1000, "the slowest answer took $slowest ms");
is(missing_and_doubled($ids), '0|0', 'each of them is stored once');
$tally->wait_until('well again', sub { ready() eq '200 pass' }, 10);
pass('and all is well again');

start_load('stall', 4);
sleep 0.5;
$tally->stall_database;
sleep 3;
$tally->resume_database;
sleep 0.5;
($ids, $codes, $slowest) = stop_load();
drained();
is_deeply([ grep { $_ > 201 } keys %$codes ], [],
	'a database that stands still: every event was taken');
cmp_ok($slowest, '<', 1000, "the slowest answer took $slowest ms");
is(missing_and_doubled($ids), '0|0', 'each of them is stored once');

# The backend dies in the middle of a batch, again and again, and so does
# tally-write while its old backend may still be at work.
start_load('backend', 4);
for (1 .. 10)
{
	sleep 0.15;
	$tally->psql("SELECT count(pg_terminate_backend(pid))"
			. " FROM pg_stat_activity WHERE usename = 'tally_writer'");
	next if $_ % 4;
	$tally->kill_process('write');
	$tally->start_write(%settings);
}
($ids, $codes, $slowest) = stop_load();
drained();
is(missing_and_doubled($ids), '0|0',
	'backends killed: each of ' . @$ids . ' is stored once');

#-----------------------------------------------------------------------------
# An event that the database refuses
#-----------------------------------------------------------------------------

sub letters
{
	open my $fh, '<', "$spool/dead-letters.jsonl" or return;
	return map { JSON::PP->new->utf8->decode($_) } <$fh>;
}

my @letters = letters();
is(scalar(@letters), 0, 'no dead letters until here');
my $gone = $tally->create_project('gone');
$tally->wait_until('its keys', sub { $tally->http('POST',
		"/3.0/projects/$gone->{project}/events", key => $gone->{write_key},
		json => {})->{status} == 200 });
$tally->stop_write;
$tally->start_write(%settings, key_refresh_ms => 3_600_000);
$tally->wait_until('its keys', sub { $tally->http('POST',
		"/3.0/projects/$gone->{project}/events", key => $gone->{write_key},
		json => {})->{status} == 200 });
$tally->psql(<<"SQL");
DELETE FROM tally_store.key WHERE project_id = (SELECT project_id
	FROM tally_store.project WHERE id = '$gone->{project}');
DELETE FROM tally_store.project WHERE id = '$gone->{project}';
SQL
is(post('/mixed', json => { n => 1 })->{status}, 201, 'a good event,');
is($tally->http('POST', "/3.0/projects/$gone->{project}/events/lost",
		key => $gone->{write_key}, body => qq({"n":\n"gone"}))->{status}, 201,
	'one of a project that was just deleted,');
is(post('/mixed', json => { n => 2 })->{status}, 201, 'and a good one');
drained();
is($tally->psql(<<'SQL'), '2', 'the good ones are stored');
SELECT count(*) FROM tally_store.event e
JOIN tally_store.collection c USING (collection_id) WHERE c.name = 'mixed'
SQL
@letters = letters();
is(scalar(@letters), 1, 'the other is a dead letter');
is($letters[0]{event}{n}, 'gone', 'with all it was');
is($letters[0]{project}, $gone->{project}, 'its project');
is($letters[0]{collection}, 'lost', 'its collection');
like($letters[0]{reason}, qr/does not know the project/, 'and the reason');
like($letters[0]{received_at}, qr/^20\d\d-\d\d-\d\dT.*Z$/, 'and its time');
is(ready(), '200 warn', 'which health tells');

# An error that the database raises for the whole batch, of which one event is
# the cause: the batch is halved until it is found.
$tally->psql(q(ALTER TABLE tally_store.event ADD CONSTRAINT poison
	CHECK (properties ->> 'poison' IS NULL)));
my @events = map { { n => $_ } } 1 .. 300;
$events[$_]{poison} = 1 for 7, 123, 124;
is(post('', json => { poisoned => \@events })->{status}, 200,
	'three events that a constraint forbids, of 300');
drained();
is($tally->psql(<<'SQL'), '297|297', 'the others are stored, once');
SELECT count(*), count(DISTINCT properties ->> 'n') FROM tally_store.event e
JOIN tally_store.collection c USING (collection_id) WHERE c.name = 'poisoned'
SQL
@letters = letters();
is_deeply([ map { $_->{event}{n} } @letters[ 1 .. $#letters ] ],
	[ 8, 124, 125 ], 'and these are dead letters, in order');
like($letters[1]{reason}, qr/^23514 /, 'with what the database said');
$tally->psql('ALTER TABLE tally_store.event DROP CONSTRAINT poison');

#-----------------------------------------------------------------------------
# The spool is damaged, and full
#-----------------------------------------------------------------------------

$tally->stop_write;
$tally->start_write(%settings, drain_interval_ms => 100);
$tally->wait_until('the keys', sub { post('', json => {})->{status} == 200 });
drained();
$tally->stop_postgres;
is(post('/damaged', json => { n => $_ })->{status}, 201, "event $_")
	for 1 .. 5;
$tally->kill_process('write');
my ($file) = grep { -s $_ > 500 } sort { -M $a <=> -M $b } glob "$spool/*.spool";
open my $fh, '+<:raw', $file or die "$file: $!";
{
	local $/;
	my $bytes = <$fh>;
	my $at = index $bytes, '{"n":3}';
	ok($at > 0, 'the third event is in the file');
	seek $fh, $at + 5, 0;
	print $fh '9';
}
close $fh;
$tally->start_postgres;
$tally->start_write(%settings);
drained();
is($tally->psql(<<'SQL'), '1,2,4,5', 'a flipped byte costs its event alone');
SELECT string_agg(properties ->> 'n', ',' ORDER BY properties ->> 'n')
FROM tally_store.event e JOIN tally_store.collection c USING (collection_id)
WHERE c.name = 'damaged'
SQL
is(scalar(my @bad = glob "$spool/*.spool.bad"), 1, 'the file is kept');
like($tally->log_text('write'), qr/event=spool_damaged/, 'and it is said');

$tally->stop_write;
$tally->start_write(%settings, spool_max_mb => 2);
drained();
$tally->stop_postgres;
my $big = 'x' x 9000;
my ($taken, $refused) = (0, undef);
for (1 .. 100)
{
	my $r = post('', json => { full => [map { { s => $big } } 1 .. 10] });
	if ($r->{status} != 200) { $refused = $r; last }
	$taken += 10;
}
cmp_ok($taken, '>', 50, "the spool took $taken events of 9 kB");
is($refused->{status}, 503, 'then it is full');
is($refused->{json}{error_code}, 'SpoolFullError', 'which has a name');
cmp_ok($refused->{headers}{'retry-after'} // 0, '>=', 1, 'and a Retry-After');
is(ready(), '503 fail', 'and it is not ready any more');
$tally->start_postgres;
$tally->wait_until('room', sub { ready() =~ /^200/ }, 60);
drained();
is($tally->psql(<<'SQL'), $taken, 'what it took is stored, what not is not');
SELECT count(*) FROM tally_store.event e
JOIN tally_store.collection c USING (collection_id) WHERE c.name = 'full'
SQL

# The keys outlive it: a start while the database is away takes events.
$tally->stop_write;
$tally->stop_postgres;
$tally->start_write(%settings);
is(post('/early', json => { n => 1 })->{status}, 201,
	'a start without the database takes events');
$tally->start_postgres;
drained();
is($tally->psql(<<'SQL'), '1', 'and stores them later');
SELECT count(*) FROM tally_store.event e
JOIN tally_store.collection c USING (collection_id) WHERE c.name = 'early'
SQL

done_testing();
