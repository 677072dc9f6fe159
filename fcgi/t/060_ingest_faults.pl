# What was acknowledged is stored, once, whatever fails: tally-write killed
# in the middle of a load, the database stopped, stalled, its backends killed,
# stopped and continued in the middle of requests, the spool full, damaged, an event
# that the database refuses.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use JSON::PP ();
use Load;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'faults');
$tally->start_postgres;
my $p = $tally->create_project('one');
my %settings = (key_refresh_ms => 500, spool_file_mb => 1,
	spool_reserve_mb => 0, key_file => $tally->dir . '/keys');
$tally->start_write(%settings);
# What nginx waits for an answer is not what is tested here: the disk may be as
# slow as it likes.
$tally->start_nginx(edit => sub { s/(fastcgi_read_timeout) 2500ms/$1 25s/ });

my $load = Load->new($tally, $p);
my $spool = $tally->dir . '/spool';

sub post { return $load->post(@_) }

$tally->wait_until('the keys', sub { post('', json => {})->{status} == 200 });

#-----------------------------------------------------------------------------
# tally-write is killed
#-----------------------------------------------------------------------------

$load->start('kill', 4);
for (1 .. 8)
{
	$load->more(50);
	sleep rand 0.4;
	$tally->kill_process('write');
	sleep 0.05;
	$tally->start_write(%settings);
}
$load->more(50);
my ($ids, $codes) = $load->stop;
$load->drained;
note(@$ids . ' events acknowledged, with kill -9 in between');
is($load->missing_and_doubled($ids), '0|0', 'each of them is stored once');
ok($codes->{502}, 'the others were told that it was not running');
diag(join ' ', 'answers:', map { "$_ x $codes->{$_}" } sort keys %$codes);

#-----------------------------------------------------------------------------
# tally-write stands still and goes on, as when it is frozen
#-----------------------------------------------------------------------------

# A read() with a timeout is interrupted by that, and libfcgi gives up then.  nginx
# has sent a request of this size in one go, so nobody waits in a read().
$load->start('frozen', 4);
for (1 .. 150)
{
	$tally->signal('write', 'STOP');
	sleep 0.002 + rand 0.003;
	$tally->signal('write', 'CONT');
	sleep 0.002 + rand 0.01;
}
$load->more(50);
($ids, $codes) = $load->stop;
$load->drained;
is(join(' ', grep { $_ > 201 } keys %$codes), '',
	'stopped and continued 150 times: every event was taken, ' . @$ids);
is($load->missing_and_doubled($ids), '0|0', 'and is stored once');

#-----------------------------------------------------------------------------
# The database goes and comes
#-----------------------------------------------------------------------------

# ready(status, like) -- what /health/ready says.
sub ready
{
	my $r = $tally->http('GET', '/health/ready');
	return "$r->{status} " . ($r->{json}{status} // '?');
}

# while_away(title) -- four clients go on: who waited for the database would
# have no answer before it is back, so it is enough to count the answers.
sub while_away
{
	my ($title) = @_;
	my $before = $load->acknowledged;
	my $end = time + 2;
	$load->more(20) while time < $end;
	cmp_ok($load->acknowledged, '>=', $before + 100,
		"$title: events are acknowledged all the while");
	return;
}

# all_taken(title)
sub all_taken
{
	my ($title) = @_;
	my ($ids, $codes) = $load->stop;
	$load->drained;
	is_deeply([ grep { $_ > 201 } keys %$codes ], [],
		"$title: every event was taken: " . scalar @$ids);
	is($load->missing_and_doubled($ids), '0|0',
		"$title: each of them is stored once");
	return;
}

$load->start('stop', 4);
$load->more(50);
$tally->stop_postgres;
$tally->wait_until('the warning', sub { ready() eq '200 warn' });
pass('with the database stopped it is ready, with a warning');
while_away('stopped');
is(ready(), '200 warn', 'and stays so');
my $r = $tally->http('GET', '/health/ready');
cmp_ok($r->{json}{checks}{'database:delay'}[0]{observedValue}, '>=', 1,
	'which says for how long events have not been stored');
is_deeply($r->{json}{checks}{'database:delay'}[0]{affectedEndpoints},
	[ '/3.0/projects/{id}/queries/{analysis}' ],
	'and who suffers: queries, which do not see them');
is($r->{json}{checks}{'spool:utilization'}[0]{affectedEndpoints}, undef,
	'of what is well nobody does');
$tally->start_postgres;
$load->more(50);
all_taken('stopped');
$tally->wait_until('well again', sub { ready() eq '200 pass' });
pass('and all is well again');

$load->start('stall', 4);
$load->more(50);
$tally->stall_database;
while_away('stalled');
$tally->resume_database;
$load->more(50);
all_taken('stalled');

# Also when nobody tells it beforehand: kill -9 of all of PostgreSQL, in the
# middle of batches, with a start behind it that has to recover.
$load->start('killed', 4);
for (1 .. 3)
{
	$load->more(200);
	sleep rand 0.2;
	$tally->signal('postgres', 'STOP');    # so that no child is missed
	kill 'KILL', $tally->database_pids;
	$tally->wait_for_exit('postgres', 30) or die "PostgreSQL lives\n";
	$load->more(20);
	$tally->start_postgres;
}
all_taken('killed -9 three times');

# The backend dies in the middle of a batch, again and again, and so does
# tally-write while its old backend may still be at work.
$load->start('backend', 4);
for (1 .. 10)
{
	$load->more(10);
	$tally->psql("SELECT count(pg_terminate_backend(pid))"
			. " FROM pg_stat_activity WHERE usename = 'tally_writer'");
	next if $_ % 4;
	$tally->kill_process('write');
	$tally->start_write(%settings);
}
($ids, $codes) = $load->stop;
$load->drained;
is($load->missing_and_doubled($ids), '0|0',
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
$load->drained;
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
$load->drained;
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
$load->drained;
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
$load->drained;
is($tally->psql(<<'SQL'), '1,2,4,5', 'a flipped byte costs its event alone');
SELECT string_agg(properties ->> 'n', ',' ORDER BY properties ->> 'n')
FROM tally_store.event e JOIN tally_store.collection c USING (collection_id)
WHERE c.name = 'damaged'
SQL
is(scalar(my @bad = glob "$spool/*.spool.bad"), 1, 'the file is kept');
like($tally->log_text('write'), qr/event=spool_damaged/, 'and it is said');

$tally->stop_write;
$tally->start_write(%settings, spool_max_mb => 2);
$load->drained;
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
is_deeply($tally->http('GET', '/health/ready')
		->{json}{checks}{'spool:utilization'}[0]{affectedEndpoints},
	[ map { "/3.0/projects/{id}/events$_" } '', '/{collection}' ],
	'for events, single and many');
$tally->start_postgres;
$tally->wait_until('room', sub { ready() =~ /^200/ }, 60);
$load->drained;
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
$load->drained;
is($tally->psql(<<'SQL'), '1', 'and stores them later');
SELECT count(*) FROM tally_store.event e
JOIN tally_store.collection c USING (collection_id) WHERE c.name = 'early'
SQL

done_testing();
