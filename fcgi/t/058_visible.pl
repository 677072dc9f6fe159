# An event that was acknowledged is in the table within a second: 99 of 100 of
# them, while 5,000 events a second are posted for some seconds, and all of
# them in the end, once.
#
# A second is what an idle machine takes a tenth of.  A busy one has the time
# on top that it takes, in those same seconds, to answer a POST and to commit
# a row; and of three rounds one must do.
#
# What cannot be stored so soon, queries say that they do not count it yet.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../../deploy/t/lib";

use IPC::Run ();
use Looker;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $ROUNDS = 3;
my $SECONDS = 3;
my $EVENTS = 100;         # a request
my $EVERY_S = 0.02;
my $PROMISED_MS = 1000;

my $tally = TallyTest->new(name => 'visible');
$tally->start_postgres;
my $p = $tally->create_project('visible');
$tally->start_write(key_refresh_ms => 500);
$tally->start_nginx;

my $base = "/3.0/projects/$p->{project}/events";
$tally->wait_until('the keys', sub { $tally->http('POST', $base,
		key => $p->{write_key}, json => {})->{status} == 200 });

# post_for(seconds) -- (events sent, requests that failed, slowest answer: ms)
sub post_for
{
	my ($seconds) = @_;
	my ($sent, $failed, $slowest) = (0, 0, 0);
	my $due = time;
	for (my $end = $due + $seconds; $due < $end; $due += $EVERY_S)
	{
		sleep $due - time if $due > time;
		my $now = time;
		my $r = $tally->http('POST', $base, key => $p->{write_key}, json =>
			{ v => [ map { { n => $sent + $_, sent => $now } } 1 .. $EVENTS ] });
		my $ms = 1000 * (time - $now);
		$slowest = $ms if $ms > $slowest;
		$failed++ if $r->{status} != 200;
		$sent += $EVENTS;
	}
	return ($sent, $failed, $slowest);
}

my ($total, $in_time) = (0, 0);
for my $round (1 .. $ROUNDS)
{
	my $looker = Looker->start($tally);
	my ($sent, $failed, $slowest) = post_for($SECONDS);
	$total += $sent;
	is($failed, 0, "round $round: every request is acknowledged");
	$tally->wait_for_events($total, 120);
	my $seen = $looker->stop;
	is($seen->{rows}, $sent, "round $round: every event is seen once");
	diag(sprintf 'seen after p50 %.0f ms, p99 %.0f ms, at most %.0f ms; a POST'
		. ' took at most %.0f ms, a commit %.0f ms', @$seen{qw(p50 p99 most)},
		$slowest, $seen->{commit_most});
	$in_time = $seen->{p99} <= $PROMISED_MS
		+ 3 * ($slowest + $seen->{commit_most});
	last if $in_time;
}
ok($in_time, 'and within a second, p99');

# Behind: nothing can be stored while somebody has the table locked, and what
# is asked meanwhile says since when.
{
	$tally->start_read(key_refresh_ms => 500, cache_fresh_ms => 0,
		cache_fresh_min_ms => 0);
	my $ask = sub { $tally->http('GET', "/3.0/projects/$p->{project}/queries/count"
		. '?event_collection=late&timeframe=this_2_days', key => $p->{read_key}) };
	$tally->http('POST', "$base/late", key => $p->{write_key}, json => { a => 0 });
	$tally->wait_until('the first event', sub { ($ask->()->{json}{result} // 0) == 1 });
	is($ask->()->{headers}{'tally-behind'}, undef, 'all is stored: nothing is behind');

	my $ready = sub { $tally->http('GET', '/health/query/ready')->{json}{checks}
		{'events:behind'}[0] };
	is($ready->()->{observedValue}, 0, '... as readiness says');

	my $locker = IPC::Run::start([ $tally->psql_command, map { ('-c', $_) } 'BEGIN',
			'LOCK TABLE tally_store.event IN SHARE MODE', 'SELECT pg_sleep(7)',
			'ROLLBACK' ], '<', '/dev/null', '>&', \my $said);
	$tally->wait_until('the lock', sub { $tally->psql('SELECT count(*) FROM pg_locks'
		. " WHERE relation = 'tally_store.event'::regclass AND mode = 'ShareLock'") > 0 });
	my $sent = time;
	is($tally->http('POST', "$base/late", key => $p->{write_key}, json => { a => 1 })
		->{status}, 201, 'an event that cannot be stored is acknowledged');
	my $r;
	$tally->wait_until('to be behind', sub { $r = $ask->();
		defined $r->{headers}{'tally-behind'} });
	cmp_ok(time - $sent, '<', 5, 'soon a query says that what it counts is behind');
	is($r->{json}{result}, 1, '... as it is');
	sleep 1.5;
	$r = $ask->();
	my $behind = $r->{headers}{'tally-behind'} // -1;
	cmp_ok(abs($behind - (time - $sent)), '<', 2.5, '... by so many seconds');
	cmp_ok($ready->()->{observedValue}, '>=', 1, '... so does readiness');
	like($tally->http('GET', "/3.0/projects/$p->{project}/queries/count"
			. '?event_collection=late&timeframe=this_2_days', key => $p->{read_key})
		->{headers}{'access-control-expose-headers'} // '', qr/\bTally-Behind\b/,
		'... which a page in a browser may read');
	ok($locker->finish, 'nobody has it locked any more') or diag($said);
	$tally->wait_until('the event', sub { $ask->()->{json}{result} == 2 });
	$tally->wait_until('to be level', sub { !defined $ask->()->{headers}{'tally-behind'} }, 3);
	pass('once it is stored, nothing is');
}

# The backend that stores them gives way to who waits for an answer.
my ($backend) = $tally->psql('SELECT pid FROM pg_stat_activity'
	. " WHERE application_name = 'tally-write' AND query LIKE '%tally.ingest%'");
open my $stat, '<', "/proc/$backend/stat" or die "no backend $backend\n";
cmp_ok((split ' ', <$stat> =~ s/.*\)//sr)[16], '>=', 5,
	'it is stored with less priority');
ok($tally->stop, 'all end');
done_testing();
