# The database as networks and neighbours treat it: away from the start to the
# end, connections reset at any byte, connects that hang, no connection left.
# Events are taken all the while and stored once; a query has the right answer,
# an older one that says so, or a 503, and soon.
#
# TALLY_SEED repeats a run.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use IO::Socket::UNIX;
use List::Util qw(max);
use Load;
use Relay;
use Socket qw(SOCK_STREAM SOMAXCONN);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{TALLY_SEED} // time ^ $$;
srand $seed;
note("TALLY_SEED=$seed");

my $GROUPS = 3000;
my $MAX_CONNECTIONS = 24;

my $tally = TallyTest->new(name => 'away');
$tally->start_postgres(conf => "max_connections = $MAX_CONNECTIONS\n");
my $p = $tally->create_project('one');
my $load = Load->new($tally, $p);
my %write = (key_refresh_ms => 300, spool_file_mb => 1, spool_reserve_mb => 0,
	key_file => $tally->dir . '/run/keys-write');
# Each question is computed, unless the test asks for an older answer.
my %read = (key_refresh_ms => 300, connections => 2, connect_timeout_ms => 500,
	statement_timeout_ms => 3000, query_deadline_ms => 4000,
	cache_fresh_min_ms => 0, cache_fresh_ms => 0, cache_failure_ms => 0,
	key_file => $tally->dir . '/run/keys-read');
$tally->start_write(%write);
$tally->start_read(%read);
$tally->start_nginx(edit => sub {
	s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg;
	# the disk may be as slow as it likes
	s/(fastcgi_read_timeout) 2500ms/$1 25s/;
});

#-----------------------------------------------------------------------------
# Asking
#-----------------------------------------------------------------------------

my $queries = "/3.0/projects/$p->{project}/queries";
my $questions = 0;

# ask(more) -- the number of events of collection "fixed", which does not
# change.  No two questions are the same.
sub ask
{
	my ($more) = @_;
	return $tally->http('GET', "$queries/count?event_collection=fixed"
			. '&timeframe=previous_' . (1000 + ++$questions % 9000) . '_years'
			. ($more // ''), key => $p->{read_key});
}

# timed(code) -- its result, and how long it took in seconds.
sub timed
{
	my ($code) = @_;
	my $begin = time;
	my $result = $code->();
	return ($result, time - $begin);
}

sub median { return (sort { $a <=> $b } @_)[ @_ / 2 ] }

# refused_at_once(title) -- soon, too, somebody tries to connect now and then,
# and may wait for that; the others are refused in no more time than the
# answer to a health check takes here and now, give or take.
sub refused_at_once
{
	my ($title) = @_;
	my (@asked, @probe, %status);
	eval { $tally->wait_until('the breaker', sub {
		$tally->http('GET', '/metrics/read')->{content}
			=~ /^tally_(?:breaker_open\{pool="query"\}|database_away) 1$/m
			|| ask() && 0 }); };
	for (1 .. 20)
	{
		my ($r, $s) = timed(\&ask);
		push @asked, $s;
		$status{ $r->{status} }++;
		(undef, $s) = timed(sub { $tally->http('GET', '/health/query/live') });
		push @probe, $s;
	}
	is(join(' ', %status), '503 20', "$title: queries are refused");
	my ($took, $allowed) = (median(@asked), 0.01 + 3 * median(@probe));
	cmp_ok($took, '<', $allowed, "$title: at once")
		or diag("$took s, a health check " . median(@probe) . ' s');
	cmp_ok(max(@asked), '<', 4 + max(@probe), "$title: and always in time");
	return;
}

# taken(title, n) -- so many events are acknowledged, in the state it is in.
sub taken
{
	my ($title, $n) = @_;
	$load->start($title =~ s/\W+/-/gr, 3);
	eval { $load->more($n) };
	is($@, '', "$title: events are acknowledged");
	return;
}

# all_stored(title) -- the end of the load, and the database is back.
my $all = 0;
sub all_stored
{
	my ($title) = @_;
	my ($ids, $codes) = $load->stop;
	$load->drained;
	$all += @$ids;
	is_deeply([ grep { $_ > 201 } keys %$codes ], [],
		"$title: every event was taken, " . @$ids);
	is($load->missing_and_doubled($ids), '0|0',
		"$title: each of them is stored once");
	return;
}

sub back
{
	my ($title) = @_;
	my $r;
	eval { $tally->wait_until('an answer',
		sub { $r = ask(); $r->{status} == 200 }) };
	is($r->{json}{result}, $GROUPS, "$title: then it is back");
	return;
}

$tally->wait_until('the keys',
	sub { $load->post('', json => {})->{status} == 200 });
# in an earlier year than any "this": all of them are in every timeframe
$load->post('', json => { fixed => [ map { { user => "user number $_",
	keen => { timestamp => '2020-02-02T02:02:02Z' } } } 1 .. $GROUPS ] });
$tally->wait_for_events($GROUPS);
back('at first');

#-----------------------------------------------------------------------------
# Stopped before anybody asks, and started after everything
#-----------------------------------------------------------------------------

$tally->stop_read;
$tally->start_read(%read);
my $known = '/count?event_collection=fixed&timeframe=previous_99_years';
my $r;
$tally->wait_until('an answer', sub {
	$r = $tally->http('GET', $queries . $known, key => $p->{read_key});
	$r->{status} == 200 });
is($r->{json}{result}, $GROUPS, 'an answer while the database is there');
is($r->{headers}{warning}, undef, 'and is new');
$tally->stop_postgres;
$tally->wait_until('an older answer', sub {
	$r = $tally->http('GET', $queries . $known, key => $p->{read_key});
	$r->{headers}{warning} });
is($r->{status}, 200, 'it is given again when the database is away');
is($r->{json}{result}, $GROUPS, 'as it was');
like($r->{headers}{warning}, qr/^11[01] /, 'and says so');
like($r->{headers}{age}, qr/^\d+$/, 'with its age');

# Both start without it, and one is killed in between.
$tally->stop_read;
$tally->stop_write;
$tally->start_write(%write);
$tally->start_read(%read);
taken('away from the start', 100);
refused_at_once('away from the start');
is($tally->http('GET', '/health/ready')->{status}, 200, 'ready for events');
is($tally->http('GET', '/health/query/live')->{status}, 200, 'alive');
my ($early) = $load->stop;
$tally->kill_process('write');
$tally->start_write(%write);
taken('after kill -9', 100);
$tally->start_postgres;
all_stored('away from the start');
is($load->missing_and_doubled($early), '0|0',
	'those from before kill -9 too, ' . @$early);
back('away from the start');

#-----------------------------------------------------------------------------
# Connections that are reset
#-----------------------------------------------------------------------------

my $relay = Relay->start($tally);
$tally->stop_write;
$tally->start_write(%write, database => $relay->conninfo('tally_writer'));

# A reset in the handshake, in a batch on its way, in the answer to it: what
# was committed must be known as committed, whatever of that came back.
sub stored
{
	my ($n) = $tally->http('GET', '/metrics/write')->{content}
		=~ /^tally_drain_events_total\{result="stored"\} (\d+)$/m;
	return $n;
}
sub reset_drain
{
	my ($way, $most) = @_;
	my $n = stored();
	return eval {
		# it works again, and tries soon
		$tally->wait_until('progress', sub { stored() > $n });
		my $before = $relay->cut($way => 1 + int rand $most);
		$tally->wait_until("a reset $way",
			sub { $relay->resets > $before });
	};
}
taken('resets in the drain', 50);
my $happened = 0;
for (1 .. 10)
{
	$happened += reset_drain(up => 300) + reset_drain(up => 6000)
		+ reset_drain(down => 60) + reset_drain(down => 600);
}
is($happened, 40, 'connections of the drain are reset, at 40 places');
all_stored('resets in the drain');

$tally->stop_write;
$tally->start_write(%write);
$tally->stop_read;
$tally->start_read(%read, database => $relay->conninfo('tally_reader'));
back('over the relay');

# A small answer and one that is sent in pieces: right, or not at all.
my (%seen, @wrong);
sub look_at
{
	my ($kind, $r) = @_;
	my $result = ($r->{json} // {})->{result};
	my $right = $kind eq 'small' ? ($result // '') eq $GROUPS
		: ref $result eq 'ARRAY' && @$result == $GROUPS;
	my $what = $r->{status} == 200 && $right ? 'right'
		: $r->{status} == 503 && $r->{headers}{'retry-after'}
			&& ($r->{json} // {})->{error_code} ? 'refused'
		: $r->{status} == 599 && $kind eq 'large' ? 'broken'
		: "wrong ($kind: $r->{status})";
	$seen{"$kind $what"}++;
	push @wrong, "$what: " . substr $r->{content}, 0, 200 if $what =~ /wrong/;
	return $what eq 'right';
}
for my $n (1 .. 30)
{
	my $kind = $n % 2 ? 'small' : 'large';
	my $more = $kind eq 'large' ? '&group_by=user' : '';
	$tally->wait_until('an answer', sub { look_at($kind, ask($more)) });
	my ($way, $most) = rand() < 0.3 ? (up => 600)
		: (down => $kind eq 'small' ? 400 : 150_000);
	my $before = $relay->cut($way => 1 + int rand $most);
	$tally->wait_until('a reset', sub {
		look_at($kind, ask($more)); $relay->resets > $before });
}
is("@wrong", '', 'connections of queries are reset, at '
	. $relay->resets . ' places: no wrong answer');
note(join ', ', map { "$_: $seen{$_}" } sort keys %seen);
ok($seen{"$_ right"}, "some $_ ones are right") for qw(small large);

# Those that nobody uses are noticed before they are used.
$tally->wait_until('an answer', sub { ask()->{status} == 200 });
my $resets = $relay->resets;
cmp_ok($relay->reset_all, '>', $resets, 'idle connections are reset');
is(ask()->{status}, 200, 'and the next query has a new one');

#-----------------------------------------------------------------------------
# Somebody who takes what comes and says nothing
#-----------------------------------------------------------------------------

$tally->stop_write;
$tally->start_write(%write, database => $relay->conninfo('tally_writer'));
$relay->mute(1);
taken('mute', 100);
refused_at_once('mute');
$relay->mute(0);
$relay->reset_all;
all_stored('mute');
back('mute');

# A listener that accepts nobody: first the connects succeed, and hang, then
# its queue is full.
$tally->stop_write;
$tally->stop_read;
$tally->stop_process('relay');
$tally->stop_postgres;
for my $case ([ 'accepted by nobody', SOMAXCONN ], [ 'a full backlog', 0 ])
{
	my ($title, $backlog) = @$case;
	my $path = $tally->dir . '/run/.s.PGSQL.5432';
	unlink $path;
	my $mute = IO::Socket::UNIX->new(Local => $path, Listen => SOMAXCONN)
		or die $!;
	listen $mute, $backlog;
	chmod 0777, $path;
	my @fill;
	while ($backlog == 0)
	{
		my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Blocking => 0)
			or die $!;
		connect $s, Socket::pack_sockaddr_un($path) or last;
		push @fill, $s;
	}
	$tally->start_write(%write);
	$tally->start_read(%read);
	taken($title, 100);
	refused_at_once($title);
	close $mute;
	unlink $path;
	$tally->start_postgres;
	all_stored($title);
	back($title);
	$tally->stop_write;
	$tally->stop_read;
	$tally->stop_postgres;
}

#-----------------------------------------------------------------------------
# Others have every connection
#-----------------------------------------------------------------------------

# take_connections -- all that an ordinary role can have.
sub take_connections
{
	my @taken;
	my $start = pack 'N', 0x00030000;
	$start .= "user\0other\0database\0tally\0\0";
	while (1)
	{
		my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM,
			Peer => $tally->dir . '/run/.s.PGSQL.5432') or die $!;
		syswrite $s, pack('N', 4 + length $start) . $start;
		my $said = '';
		until ($said =~ /Z\0\0\0\x05I$/s)
		{
			sysread $s, $said, 4096, length $said or last;
		}
		last if $said =~ /C53300\0/;
		die "cannot connect: $said\n" unless $said =~ /Z\0\0\0\x05I$/s;
		push @taken, $s;
	}
	return @taken;
}

$tally->start_postgres;
$tally->psql('CREATE ROLE other LOGIN');
my @others = take_connections();
cmp_ok(scalar @others, '>=', $MAX_CONNECTIONS - 3 - 1,
	'others have ' . @others . ' connections, which is all');
$tally->start_write(%write);
$tally->start_read(%read);
taken('no connection left', 100);
refused_at_once('no connection left');
is($tally->http('GET', '/health/ready')->{json}{status}, 'warn',
	'ready for events, with a warning');
close $_ for @others;
all_stored('no connection left');
back('no connection left');

# In the middle of a run.  Who has a connection keeps it.
@others = take_connections();
taken('others take the rest', 100);
all_stored('others take the rest');
back('others take the rest');
$tally->wait_until('an answer to keep', sub {
	$tally->http('GET', $queries . $known, key => $p->{read_key})->{status}
		== 200 });

# Then ours end, as after a restart of the server, and others are sooner.
taken('others were sooner', 50);
$tally->wait_until('others to be sooner', sub {
	my $ours = "FROM pg_stat_activity WHERE usename IN"
		. " ('tally_writer', 'tally_reader')";
	$tally->psql("SELECT pg_terminate_backend(pid) $ours");
	push @others, take_connections();
	sleep 0.3;
	$tally->psql("SELECT count(*) $ours") == 0 });
eval { $load->more(100) };
is($@, '', 'others were sooner: events are acknowledged');
refused_at_once('others were sooner');
$r = $tally->http('GET', $queries . $known, key => $p->{read_key});
is("$r->{status} $r->{json}{result}", "200 $GROUPS",
	'others were sooner: what was asked before is answered');
like($r->{headers}{warning}, qr/^11[01] /, '... and that it is older');
$r = $tally->http('GET', '/health/ready');
is("$r->{status} $r->{json}{status}", '200 warn',
	'others were sooner: ready for events, with a warning');
close $_ for @others;
all_stored('others were sooner');
back('others were sooner');

note("$all events in all");
done_testing();
