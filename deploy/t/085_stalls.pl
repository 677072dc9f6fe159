# Honeycomb's nights: the database stands still under 200 clients whose cached
# answers have all expired, or its hot table is locked.
#
# Every process of PostgreSQL is stopped for 0.5 s, 7 s and, unless
# TALLY_SHORT_FAULTS is set, 60 s.  Two responders of each kind.
#
# Times are measured at the clients, but how soon a query is refused, or has an
# older answer, by the responder, which logs it: 200 clients in one process take
# longer than that to look at an answer.  A probe beside them (Probe.pm) tells
# what the machine itself does to a write: what is promised holds on a machine
# that is quiet, on another one it is a multiple of that, and a stage in which it
# was not met is run again while the machine is to blame.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Crowd;
use IPC::Run ();
use List::Util qw(sum0);
use Probe;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $KEYS = 24;    # different queries, half of them never asked before
my $TRIES = 3;    # of a stage, on a noisy machine
my %load = (clients => 200, pause => 1, ask => \&ask);
my $tally = TallyTest->new(name => 'stalls');
$tally->start_postgres(conf => "log_statement = 'all'\nlog_disconnections = on");
my $p = $tally->create_project('stalls');
# the log of PostgreSQL tells the two readers apart by their roles
$tally->psql(<<'SQL');
CREATE ROLE tally_reader2 LOGIN CONNECTION LIMIT 40 IN ROLE tally_reader;
DO $$
DECLARE
	setting text;
BEGIN
	FOR setting IN
		SELECT unnest(setconfig) FROM pg_db_role_setting
		WHERE setrole = 'tally_reader'::regrole AND setdatabase = 0
	LOOP
		EXECUTE format('ALTER ROLE tally_reader2 SET %I = %L',
			split_part(setting, '=', 1), split_part(setting, '=', 2));
	END LOOP;
END
$$;
SQL
my %reader = (key_refresh_ms => 200, cache_fresh_min_ms => 3000,
	cache_fresh_ms => 3000, key_slots => 12, max_waiting => 400);
my %writer = (key_refresh_ms => 200, spool_file_mb => 4, spool_reserve_mb => 0);
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
	database => $tally->conninfo(user => 'tally_reader2'), %reader);
# the limits of nginx are not what is tested here; what it says is wanted
$tally->start_nginx(edit => sub {
	s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg;
	s/^\s*error_log stderr alert;\n//mg;
	s{(upstream tally_(?:ingest|query) \{[^\}]*server unix:)(\S+?)(write|read)(\.sock max_fails=0[^;]*;)}
		{$1$2$3$4 server unix:$2${3}2$4}g == 2 or die "no two upstreams\n";
});
my $events = "/3.0/projects/$p->{project}/events/clicks";
my $queries = "/3.0/projects/$p->{project}/queries";
my @responders = qw(write write2 read read2);

my $stage = 0;
my %posted = ('0/0' => 1);    # "stage/n" of an event => was it acknowledged?
my ($away_from, $away_to) = (0, 0);    # s of a stage

sub query_of
{
	my ($n) = @_;
	return "$queries/count?event_collection=clicks&timeframe=today"
		. "&timezone=$n";
}

# ask(client, seconds) -- in the clients' process.
my $n = 0;
sub ask
{
	my ($client, $seconds) = @_;
	$n++;
	# some ask what nobody has asked before, so there is no older answer
	return ('new', Crowd::request('GET', query_of(1000 * $stage + $n),
			$p->{read_key}))
		if $client % 16 == 1 && $seconds > $away_from && $seconds < $away_to;
	return ('post', Crowd::request('POST', $events, $p->{write_key},
			"{\"n\": $n, \"stage\": $stage}"), "$stage/$n") if $client % 4 == 0;
	my $key = int rand $KEYS;
	return ('query', Crowd::request('GET', query_of($key), $p->{read_key}), $key);
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

sub log_size { return -s $tally->dir . "/log/$_[0].log" }

# took(status, from, to) -- of queries that were begun and answered so between the
# two, as time() says: how long each took by the responders' clock, from accepting
# it to its answer, in ms.  Of each responder 20 refusals a second are logged, and
# every answer.
sub took
{
	my ($status, $from, $to) = @_;
	my @took;
	for my $name (qw(read read2))
	{
		for (grep { m{event=request route=\S+/queries/.* status=$status } }
			split /^/m, $tally->log_text($name))
		{
			my ($h, $m, $s, $us) = /^\S+T(\d+):(\d+):(\S+)Z .* us=(\d+)/
				or next;
			# the same day, or just over midnight
			my $end = int($to / 86400) * 86400 + 3600 * $h + 60 * $m + $s;
			$end -= 86400 if $end > $to + 43200;
			push @took, $us / 1000
				if $end - $us / 1e6 > $from && $end < $to;
		}
	}
	return @took;
}

# begun_between(from, to) -- of PostgreSQL's log: statements by the reader's role
# and the parameters of their query.
#
# What was sent before a long stall and given up meanwhile still lies in the
# server's socket: it reads it when it goes on, and then that nobody is there
# any more.  Those are known by the end of their connection.
sub begun_between
{
	my ($from, $to) = @_;
	my %n;
	my $log = substr $tally->log_text('postgres'), $from;
	my %given_up = $log =~ /\[(\d+)\] \S+ (LOG):  disconnection:/g;
	my $part = substr $log, 0, $to - $from;
	while ($part =~ /\[(\d+)\] (\S+) LOG:  execute .*SELECT tally\.query\(.*\n.*DETAIL:  parameters: (.*)/g)
	{
		$n{"$2: $3"}++ unless $given_up{$1};
	}
	return \%n;
}

# computed_once(what, from, to) -- neither reader asks the database twice for what
# it has just been told.
sub computed_once
{
	my ($what, $from, $to) = @_;
	my $begun = begun_between($from, $to);
	my %of;
	$of{ /^(\w+)/ ? $1 : '' }++ for keys %$begun;
	is(join(' ', sort keys %of), 'tally_reader tally_reader2',
		"$what: afterwards both readers compute");
	my @twice = grep { $begun->{$_} > 1 } sort keys %$begun;
	is(scalar @twice, 0, "$what: ... each query once")
		or diag(map { "$begun->{$_} x $_\n" } @twice);
	note(sprintf '%s: %s queries computed %d times in the 1.8 s after', $what,
		join(' + ', map { $of{$_} } sort keys %of), sum0(values %$begun));
	return;
}

$tally->wait_until('the keys', sub {
	$tally->http('POST', $events, key => $p->{write_key},
			json => { n => 0, stage => 0 })->{status} == 201 });
$tally->wait_until('an event', sub {
	my $r = $tally->http('GET', query_of(-1), key => $p->{read_key});
	($r->{json}{result} // 0) == 1 }, 30);
# nginx asks each in turn: both know half of the answers
for my $twice (1, 2)
{
	$tally->http('GET', query_of($_), key => $p->{read_key}) for 0 .. $KEYS / 2 - 1;
	$tally->http('GET', query_of(-1), key => $p->{read_key});
}
my $probe = Probe->start($tally);

# crowd(seconds, at) -- the clients, for so long; notes what they posted.
sub crowd
{
	my ($seconds, @at) = @_;
	$stage++;
	my $crowd = Crowd::run($tally, %load, seconds => $seconds, at => \@at);
	$posted{ $_->{tag} } = $_->{status} == 201
		for grep { $_->{kind} eq 'post' } @{ $crowd->{answers} };
	return $crowd;
}

# warm: buffers, connections
{
	my $crowd = crowd(4);
	my $machine = $probe->figures($crowd->{start}, $crowd->{end});
	note(sprintf 'quiet: events p50 %.1f ms, p99 %.1f ms; %s',
		map({ my $part = $_; Crowd::percentile($part, map { $_->{took} }
				grep { $_->{kind} eq 'post' } @{ $crowd->{answers} }) } 50, 99),
		told($machine));
}

sub told
{
	return sprintf 'the machine itself: a write p99 %.1f ms, waking up %.1f ms',
		$_[0]{sync}, $_[0]{wake};
}

# recovery(over, queries) -- how long after it each query had been answered
# afresh, and when somebody last got anything else.
sub recovery
{
	my ($over, @queries) = @_;
	my (%back, $last);
	for my $q (sort { $a->{begin} <=> $b->{begin} } @queries)
	{
		my $after = $q->{begin} + $q->{took} - $over;
		next if $q->{begin} < $over;
		if ($q->{status} != 200 || defined $q->{warning}) { $last = $after }
		elsif (defined $q->{tag}) { $back{ $q->{tag} } //= $after }
	}
	my @missing = grep { !defined $back{$_} } 0 .. $KEYS - 1;
	my ($slowest) = sort { $b <=> $a } values %back, map { 99 } @missing;
	return ($slowest, $last // 0);
}

# judge(what, crowd, known, over) -- what must hold whatever is done and however
# slow the machine is.  "known", "over": s, when the database was known to be
# away, and when it was back.  Returns {figure => [measured, bound, name]}, how
# the machine was, and how often there was each status.
sub judge
{
	my ($what, $crowd, $known, $over) = @_;
	my @answers = @{ $crowd->{answers} };
	my @posts = grep { $_->{kind} eq 'post' } @answers;
	my @queries = grep { $_->{kind} ne 'post' } @answers;
	my $machine = $probe->figures($crowd->{start}, $crowd->{end});

	my @lost = grep { $_->{status} != 201 } @posts;
	is(scalar @lost, 0, "$what: every event of " . @posts . ' is taken');
	my %status;
	$status{ $_->{status} . (defined $_->{warning} ? ' stale' : '') }++
		for @queries;
	my @strange = grep { !/^(200|200 stale|503)$/ } keys %status;
	is(scalar @strange, 0,
		"$what: queries are answered, answered with age, or 503");
	diag(join ' ', map({ $_->{status} } @lost), @strange, "\n",
		grep { /\[(?:error|crit|alert)\]/ } split /^/m, $tally->log_text('nginx'))
		if @lost || @strange;
	note("$what: queries ", join ', ', map { "$status{$_} x $_" } sort keys %status);

	my $ack = Crowd::percentile(99, map { $_->{took} } @posts);
	note(sprintf '%s: events p50 %.1f ms, p99 %.1f ms; %s', $what,
		Crowd::percentile(50, map { $_->{took} } @posts), $ack, told($machine));
	my ($longest) = sort { $b <=> $a } map { $_->{took} } @queries;
	my ($back, $last) = recovery($over, @queries);
	note(sprintf '%s: all fresh again after %.2f s, the last trouble after %.2f'
			. ' s, the longest query took %.2f s', $what, $back, $last, $longest);
	my %figure = (
		ack => [ $ack, Probe::bound(50, 3 * $machine->{sync}),
			'an event is acknowledged in less than 50 ms, p99' ],
		longest => [ $longest, 12.5 + $machine->{wake} / 100,
			'no query waits past its deadline' ],
		back => [ $back, 5, 'every query has a fresh answer within 5 s' ]);
	# where the processors have too much to do, places are short every time
	# that answers expire
	$figure{last} = [ $last, 5, 'there is no trouble after 5 s' ]
		if $machine->{wake} < 5;

	# what nobody can compute: who is answered then is so from the cache
	my @away = grep { $_->{begin} > $known && $_->{begin} + $_->{took} < $over }
		@queries;
	is(scalar(grep { $_->{status} == 200 && !defined $_->{warning} } @away), 0,
		"$what: no answer is fresh while it is away") if @away;
	for (['refused', 503, 'a new query is refused'],
		['stale', 200, 'an older answer is given'])
	{
		my ($kind, $code, $name) = @$_;
		my @those = map { $_->{took} } grep { $_->{status} == $code } @away;
		next if @those <= 20;
		my @told = took($code, $crowd->{start} + $known, $crowd->{start} + $over);
		my ($p50, $p99) = map { Probe::percentile($_, @told) } 50, 99;
		note(sprintf '%s: %d %s while it was known to be away: p50 %.1f ms,'
				. ' p99 %.1f ms; of %d the responder says p50 %.2f ms, p99 %.2f ms',
			$what, scalar @those, $kind,
			map({ Crowd::percentile($_, @those) } 50, 99), scalar @told, $p50, $p99);
		$figure{$kind} = [ $p99, Probe::bound(10, 2 * $machine->{wake}),
			"$name in less than 10 ms, p99" ];
		$figure{"${kind}_p50"} = [ $p50, 1, '... in less than 1 ms, p50' ];
		cmp_ok(scalar @told, '>', 10, "$what: the log says of some how soon");
	}
	return (\%figure, $machine, \%status);
}

# stage(what, run) -- until what it measures is as promised, or the machine is
# not to blame.  run(what) returns as judge() does.
sub stage
{
	my ($what, $run) = @_;
	my ($figure, $status);
	for my $try (1 .. $TRIES)
	{
		my $again = $try == 1 ? '' : ", try $try";
		($figure, my $machine, $status) = $run->("$what$again");
		my @missed = grep { $_->[0] >= $_->[1] } values %$figure;
		last if !@missed || !Probe::is_busy($machine);
		note("$what: once more, since the machine is busy") if $try < $TRIES;
	}
	cmp_ok($_->[0], '<', $_->[1], "$what: $_->[2]")
		for map { $figure->{$_} } sort keys %$figure;
	return ($figure, $status);
}

# How long a silence must be to be known as one, and a bit.
my $KNOWN_S = 2.5;

sub stalled
{
	my ($what, $stall) = @_;
	my %before = map { $_ => footprint($_) } @responders;
	my ($offset, $end, $since, %during);
	sleep 3.5;    # all cached answers are past their time
	($away_from, $away_to) = $stall > 2 ? ($KNOWN_S, $stall) : (0, 0);
	my $crowd = crowd($stall + 7,
		[ 0, sub { $tally->stall_database } ],
		[ 0.9 * $stall, sub { %during = map { $_ => footprint($_) } @responders } ],
		[ $stall, sub {
			my ($start) = @_;
			$offset = log_size('postgres');
			# before it: nothing can be computed until then
			$since = time - $start;
			$tally->resume_database } ],
		# none that was computed after it is past its time
		[ 1.8 + $stall, sub { $end = log_size('postgres') } ]);
	my %after = map { $_ => footprint($_) } @responders;
	my @judged = judge($what, $crowd, $KNOWN_S, $since);

	computed_once($what, $offset, $end);
	return @judged if $stall < 1;

	# what has waited is worked off when the database is back: that may not grow,
	# either
	for my $name (@responders)
	{
		my $a = $before{$name};
		for (['', $during{$name}], [' afterwards', $after{$name}])
		{
			my ($when, $b) = @$_;
			cmp_ok($b->{rss}, '<', $a->{rss} * 1.2, "$what: the memory"
					. " of $name is flat$when ($a->{rss} kB, $b->{rss} kB)");
			# the few requests that are under way have one each
			cmp_ok($b->{fds}, '<', $a->{fds} * 1.2 + 8,
				"$what: so are its descriptors ($a->{fds}, $b->{fds})");
		}
	}
	return @judged;
}

for my $stall (0.5, 7, $ENV{TALLY_SHORT_FAULTS} ? () : 60)
{
	my $what = "stalled for $stall s";
	my ($figure, $status) = stage($what, sub { stalled($_[0], $stall) });
	next if $stall < 1;
	ok($status->{'200 stale'}, "$what: older answers were given");
	ok($figure->{refused}, "$what: new queries were refused");
	ok($figure->{stale}, "$what: it was seen how soon there was an older answer");
}

# The hot table locked for 7 s.
sub locked
{
	my ($what) = @_;
	my ($from, $ended, $end);
	($away_from, $away_to) = (0, 0);
	my $crowd = crowd(14, [ 1, sub {
		my ($out, $err);
		my $begin = log_size('postgres');
		# a -c each: then the log has a line where the lock's end begins
		IPC::Run::run([ $tally->psql_command, map { ('-c', $_) } 'BEGIN',
				'LOCK tally_store.event IN ACCESS EXCLUSIVE MODE',
				'SELECT pg_sleep(7)', 'COMMIT /* the lock */',
				'SELECT extract(epoch FROM clock_timestamp())' ],
			'<', '/dev/null', '>', \$out, '2>', \$err);
		($ended) = $out =~ /^(\d+\.\d+)/m or die "no lock: $err";
		my $left = $ended + 1.8 - time;
		sleep $left if $left > 0;
		$end = log_size('postgres');
		$from = index $tally->log_text('postgres'), 'COMMIT /* the lock */', $begin;
	} ]);
	computed_once($what, $from, $end);
	return judge($what, $crowd, 99, $ended - $crowd->{start});
}
{
	my (undef, $status) = stage('hot table locked', \&locked);
	ok($status->{'200 stale'}, 'hot table locked: older answers were given');
}

# Every event that was acknowledged is there, once: by name, as one that is lost
# and one that is there twice are as many as they should be.
my $acknowledged = grep { $_ } values %posted;
my %stored;
$tally->wait_until('all events', sub {
	$tally->psql('SELECT count(*) FROM tally_store.event') >= $acknowledged }, 60);
for (split /\n/, $tally->psql("SELECT concat(properties->>'stage', '/',"
		. " properties->>'n'), count(*) FROM tally_store.event GROUP BY 1"))
{
	my ($event, $times) = split /\|/;
	$stored{$event} = $times;
}
# which(events) -- some of them, as a failure shows them
sub which { return join ' ', sort @_ > 20 ? @_[0 .. 19] : @_ }
is(which(grep { $posted{$_} && !$stored{$_} } keys %posted), '',
	"every one of $acknowledged events that were acknowledged is there");
is(which(grep { $stored{$_} > 1 } keys %stored), '', '... no event is there twice');
is(which(grep { !exists $posted{$_} } keys %stored), '',
	'... nor one that nobody has sent');

done_testing();
