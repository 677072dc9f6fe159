# Honeycomb's nights: the database stands still under 200 clients whose cached
# answers have all expired, or its hot table is locked.
#
# Every process of PostgreSQL is stopped for 0.5 s and 7 s, with
# TALLY_LONG_FAULTS set also for 60 s.  Two responders of each kind.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Crowd;
use IPC::Run ();
use List::Util qw(sum0);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $KEYS = 24;    # different queries, half of them never asked before
my $tally = TallyTest->new(name => 'stalls');
$tally->start_postgres(conf => "log_statement = 'all'");
my $p = $tally->create_project('stalls');
my %reader = (key_refresh_ms => 200, cache_fresh_min_ms => 2000,
	cache_fresh_ms => 2000, key_slots => 12, max_waiting => 400);
my %writer = (key_refresh_ms => 200, log_requests => 'true', spool_file_mb => 4, spool_reserve_mb => 0);
my $run = $tally->dir . '/run';

$tally->start_write(%writer);
$tally->start_read(%reader);
my $spool = $tally->dir . '/spool2';
mkdir $spool, 0700 or die $!;
chown $tally->{uid}, $tally->{gid}, $spool if defined $tally->{uid};
$tally->start_responder('write2', 'tally-write', listen => "$run/write2.sock",
	database => $tally->conninfo(user => 'tally_writer'), spool => $spool,
	%writer);
$tally->start_responder('read2', 'tally-read', listen => "$run/read2.sock",
	database => $tally->conninfo(user => 'tally_reader'), %reader);
# the limits of nginx are not what is tested here
$tally->start_nginx(edit => sub {
	s/^\s*limit_(conn|req) .*\n//mg;
	s{(upstream tally_(?:ingest|query) \{\s*server unix:)(\S+?)(write|read)\.sock max_fails=0;}
		{$1$2$3.sock max_fails=0; server unix:$2${3}2.sock max_fails=0;}g;
});
my $events = "/3.0/projects/$p->{project}/events/clicks";
my $queries = "/3.0/projects/$p->{project}/queries";
my @responders = qw(write write2 read read2);

sub query_of
{
	my ($n) = @_;
	return "$queries/count?event_collection=clicks&timeframe=today"
		. "&timezone=$n";
}
my ($posted, $new, $is_away) = (0, 1000, 0);
sub ask
{
	my ($client) = @_;
	# some ask what nobody has asked before, so there is no older answer
	return ('query', Crowd::request('GET', query_of(++$new), $p->{read_key}))
		if $is_away && $client % 16 == 1;
	if ($client % 4 == 0)
	{
		$posted++;
		return ('post', Crowd::request('POST', $events, $p->{write_key},
				"{\"n\": $posted}"));
	}
	return ('query', Crowd::request('GET', query_of(int rand $KEYS),
			$p->{read_key}));
}

# footprint(name) -- {kB resident, descriptors}
sub footprint
{
	my ($name) = @_;
	my $pid = $tally->pid($name);
	open my $fh, '<', "/proc/$pid/status" or die $!;
	my ($rss) = join('', <$fh>) =~ /^VmRSS:\s+(\d+)/m;
	my @fds = glob "/proc/$pid/fd/*";
	return { rss => $rss, fds => scalar @fds };
}

# begun_between(from, to) -- of PostgreSQL's log: statements by the parameters
# of their query.
sub begun_between
{
	my ($from, $to) = @_;
	my %n;
	my $log = substr $tally->log_text('postgres'), $from, $to - $from;
	$n{$1}++ while $log
		=~ /SELECT tally\.query\(.*\n.*DETAIL:  parameters: (.*)/g;
	return \%n;
}

$tally->wait_until('the keys', sub {
	$tally->http('POST', $events, key => $p->{write_key}, json => { n => 0 })
		->{status} == 201 });
$tally->wait_until('an event', sub {
	my $r = $tally->http('GET', query_of(-1), key => $p->{read_key});
	($r->{json}{result} // 0) == 1 }, 30);
# nginx asks each in turn: both know half of the answers
for my $twice (1, 2)
{
	$tally->http('GET', query_of($_), key => $p->{read_key}) for 0 .. $KEYS / 2 - 1;
	$tally->http('GET', query_of(-1), key => $p->{read_key});
}
# warm: buffers, connections
Crowd::run($tally, seconds => 3, clients => 200, pause => 0.4, ask => \&ask);

# new_log(name) -- what it has said since this was last asked.
my %seen;
sub new_log
{
	my ($name) = @_;
	my $text = $tally->log_text($name);
	my $new = substr $text, $seen{$name} // 0;
	$seen{$name} = length $text;
	return $new;
}

# judge(what, answers, deadline) -- what must hold whatever is done.
sub judge
{
	my ($what, $answers, $deadline) = @_;
	my @posts = grep { $_->{kind} eq 'post' } @$answers;
	my @queries = grep { $_->{kind} eq 'query' } @$answers;
	my @lost = grep { $_->{status} != 201 } @posts;
	is(scalar @lost, 0, "$what: every event of " . @posts . ' is taken')
		or diag(join ' ', map { $_->{status} } @lost);
	# by the writers' clock; the client's counts how busy this machine is, too
	my $p99 = Crowd::percentile(99, map { $_ / 1e6 }
		map { new_log($_) =~ /status=201.* us=(\d+)/g } qw(write write2));
	cmp_ok($p99, '<', 100, "$what: in less than 100 ms p99");
	my %status;
	$status{ $_->{status} . (defined $_->{warning} ? ' stale' : '') }++
		for @queries;
	note(sprintf '%s: events p99 %.1f ms, at the client p50 %.1f ms,'
			. ' p99 %.1f ms; queries %s', $what, $p99,
		Crowd::percentile(50, map { $_->{took} } @posts),
		Crowd::percentile(99, map { $_->{took} } @posts),
		join(', ', map { "$status{$_} x $_" } sort keys %status));
	is(scalar(grep { !/^(200|200 stale|503)$/ } keys %status), 0,
		"$what: queries are answered, answered with age, or 503")
		or diag(join ' ', sort keys %status);
	my ($longest) = sort { $b <=> $a } map { $_->{took} } @queries;
	cmp_ok($longest, '<', $deadline, "$what: no query waits past its deadline");
	return \%status;
}

# after(what, since) -- normal again within 5 s: fresh answers only.
sub normal_again
{
	my ($what, $answers, $since) = @_;
	my @late = grep { $_->{begin} > $since + 5 && $_->{kind} eq 'query'
			&& ($_->{status} != 200 || defined $_->{warning}) } @$answers;
	is(scalar @late, 0, "$what: normal within 5 s");
	my ($last) = sort { $b <=> $a } map { $_->{begin} }
		grep { $_->{kind} eq 'query' && $_->{begin} > $since
			&& ($_->{status} != 200 || defined $_->{warning}) } @$answers;
	note(sprintf '%s: the last trouble %.2f s after its end', $what,
		defined $last ? $last - $since : 0);
	return;
}

for my $stall (0.5, 7, $ENV{TALLY_LONG_FAULTS} ? 60 : ())
{
	my $what = "stalled for $stall s";
	my %before = map { $_ => footprint($_) } @responders;
	my ($offset, $end, %during);
	new_log($_) for qw(write write2);
	sleep 2.3;    # all cached answers are past their time
	my @answers = Crowd::run($tally, seconds => $stall + 7, clients => 200,
		pause => 0.4, ask => \&ask,
		at => [
			[ 1, sub { $tally->stall_database } ],
			($stall > 2 ? [ 2.6, sub { $is_away = 1 } ] : ()),
			[ 0.5 + $stall, sub { %during = map { $_ => footprint($_) } @responders } ],
			[ 1 + $stall, sub {
				$offset = length $tally->log_text('postgres');
				$is_away = 0;
				$tally->resume_database } ],
			# the shortest lifetime of an answer
			[ 2.8 + $stall, sub { $end = length $tally->log_text('postgres') } ] ]);
	my $status = judge($what, \@answers, 12.5);
	normal_again($what, \@answers, 1 + $stall);

	my $begun = begun_between($offset, $end);
	my ($most) = sort { $b <=> $a } values %$begun;
	cmp_ok($most, '<=', 2,
		"$what: afterwards each reader computes each query once")
		or diag(explain $begun);
	note(sprintf '%s: %d queries computed %d times in the 1.8 s after', $what,
		scalar keys %$begun, sum0(values %$begun));
	next if $stall < 1;

	ok($status->{'200 stale'}, "$what: older answers were given");
	for my $name (@responders)
	{
		my ($a, $b) = ($before{$name}, $during{$name});
		cmp_ok($b->{rss}, '<', $a->{rss} * 1.2 + 4096,
			"$what: the memory of $name is flat ($a->{rss} kB, $b->{rss} kB)");
		# requests that wait have a descriptor each
		cmp_ok($b->{fds}, '<', $a->{fds} + 60,
			"$what: so are its descriptors ($a->{fds}, $b->{fds})");
	}
}

# What was refused while the database was known to be away, by the responders'
# own clock.
{
	my @us = map { $tally->log_text($_) =~ /status=503.* us=(\d+)/g }
		qw(read read2);
	my @at_once = grep { $_ < 900_000 } @us;
	cmp_ok(scalar @at_once, '>', 20, 'new queries are refused meanwhile');
	cmp_ok(Crowd::percentile(99, map { $_ / 1e6 } @at_once), '<', 10,
		'refused at once means in less than 10 ms p99');
	note(sprintf '%d of %d refusals at once, p99 %.2f ms', scalar @at_once,
		scalar @us, Crowd::percentile(99, map { $_ / 1e6 } @at_once));
}

# The hot table locked for 7 s.
{
	my $lock;
	new_log($_) for qw(write write2);
	my @answers = Crowd::run($tally, seconds => 14, clients => 200,
		pause => 0.4, ask => \&ask,
		at => [ [ 1, sub {
			$lock = IPC::Run::start([ $tally->psql_command, '-c',
					'BEGIN; LOCK tally_store.event IN ACCESS EXCLUSIVE MODE;'
					. ' SELECT pg_sleep(7); COMMIT' ], '<', '/dev/null',
				'>', \my $out, '2>', \my $err); } ] ]);
	my $status = judge('hot table locked', \@answers, 12.5);
	normal_again('hot table locked', \@answers, 8);
	ok($status->{'200 stale'}, 'hot table locked: older answers were given');
	$lock->finish;
}

# Every event that was acknowledged is there, once.
$tally->wait_until('all events', sub {
	$tally->psql('SELECT count(*) FROM tally_store.event') >= $posted + 1 }, 60);
is($tally->psql('SELECT count(*) FROM tally_store.event'), $posted + 1,
	'every event is there once');

done_testing();
