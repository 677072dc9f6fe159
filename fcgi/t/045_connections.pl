# What tally-read does when connections to the database are scarce, hang, or
# break, and how soon it is back.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use IO::Socket::INET;
use IO::Socket::UNIX;
use IPC::Run ();
use List::Util qw(min);
use Socket qw(SOMAXCONN);
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'connections');
my $p = Standin::start($tally);
my %settings = (
	connections => 4, slot_wait_ms => 1000, key_slots => 6,
	statement_timeout_ms => 3000, query_deadline_ms => 4000,
	connect_timeout_ms => 500, key_refresh_ms => 200,
	key_file => $tally->dir . '/run/keys');
$tally->start_read(%settings);
$tally->start_nginx(edit => sub { s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg });
my $base = "/3.0/projects/$p->{project}/queries";
my $questions = 0;
sub echo { return $tally->query($p, 'echo', { question => ++$questions }) }
sub timed
{
	my ($code) = @_;
	my $begin = time;
	return ($code->(), time - $begin);
}
sub metrics
{
	return { $tally->http('GET', '/metrics/read')->{content}
			=~ /^(\S+) (\S+)$/mg };
}
sub answers { return echo()->{status} == 200 }

# refused_in(from) -- since the log was as long as that: how long refusals took
# by the program's own clock, in seconds, sorted; 20 a second are logged.
sub refused_in
{
	my ($from) = @_;
	return sort { $a <=> $b } map { $_ / 1e6 }
		substr($tally->log_text('read'), $from) =~ /status=503 .* us=(\d+)/g;
}

$tally->wait_until('an answer', \&answers);

#-----------------------------------------------------------------------------
# Cancels
#-----------------------------------------------------------------------------

my $before = metrics();
{
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $tally->{port})
		or die $!;
	print $s "GET $base/sleep?seconds=3 HTTP/1.1\r\nHost: x\r\n",
		"Authorization: $p->{read_key}\r\n\r\n";
	$s->flush;
	$tally->wait_until('a query', sub { Standin::queries_running($tally) == 1 });
	close $s;
	my (undef, $took) = timed(sub {
		$tally->wait_until('its end',
			sub { Standin::queries_running($tally) == 0 }) });
	cmp_ok($took, '<', 2, 'a client leaves: its backend is free before the query ends');
	is(metrics()->{'tally_cancels_total{result="sent"}'},
		$before->{'tally_cancels_total{result="sent"}'} + 1,
		'by a cancel, which is counted');
}

#-----------------------------------------------------------------------------
# Stalls
#-----------------------------------------------------------------------------

$before = metrics();
$tally->stall_database;
sleep 0.6;
$tally->resume_database;
$tally->wait_until('the stall to be counted', sub {
	metrics()->{tally_database_stalls_total}
		> $before->{tally_database_stalls_total} }, 5);
pass('a stall of 0.6 s is counted');
my $stalled = metrics()->{tally_database_stalled_seconds_total}
	- $before->{tally_database_stalled_seconds_total};
cmp_ok($stalled, '>=', 0.34, 'with its length');
cmp_ok($stalled, '<', 2, '... and no more');
like($tally->log_text('read'), qr/event=database_stall ms=\d+/, 'and logged');
is(echo()->{status}, 200, 'nothing else has happened');

# The backends stand still, so a cancel changes nothing; the postmaster does,
# so it hangs.  Nobody waits for it, and the program stays as it is.
$tally->stall_database;
$tally->wait_until('silence of a second',
	sub { metrics()->{tally_database_away} == 1 }, 5);
my $from = length $tally->log_text('read');
my @took = sort { $a <=> $b } map {
	(timed(sub { $tally->http('GET', "$base/echo?q=" . rand,
			key => $p->{read_key}) }))[1] } 1 .. 50;
cmp_ok($took[49], '<', 0.4, 'of fifty queries none waits for a connection');
my @told = refused_in($from);
# under a load: deploy/t/085_stalls.pl
cmp_ok(scalar @told, '>', 10, 'the log says how soon they are refused');
cmp_ok($told[0.9 * $#told], '<', 0.01, '... in less than 10 ms');
cmp_ok($told[0.5 * $#told], '<', 0.001, '... and mostly 1 ms');
note(sprintf 'refused in %.1f ms p50, %.1f ms p98', $took[25] * 1000,
	$took[49] * 1000);
$tally->resume_database;
my (undef, $back) = timed(sub { $tally->wait_until('an answer', \&answers) });
cmp_ok($back, '<', 5, 'and it is back');

#-----------------------------------------------------------------------------
# All connections of the server are taken
#-----------------------------------------------------------------------------

$tally->stop_read;
# roles that are not superusers have 60 - 3
my @others = map {
	my $in = "SELECT pg_sleep(60);\n";
	my $h = IPC::Run::start([ $tally->psql_command(user => 'tally_writer') ],
		'<', \$in, '>', \my $out, '2>', \my $err);
	$h;
} 1 .. 54;
$tally->wait_until('the others', sub {
	$tally->psql("SELECT count(*) FROM pg_stat_activity"
			. " WHERE usename = 'tally_writer'") == 54 }, 30);
# three are left: keys, heartbeat, and one for queries
$tally->start_read(%settings);
$tally->wait_until('the keys', sub { answers() });
{
	my @sockets = map {
		my $body = "{\"seconds\": 0.2, \"q\": $_}";
		my $s = IO::Socket::INET->new(
			PeerAddr => '127.0.0.1:' . $tally->{port}) or die $!;
		print $s "POST $base/sleep HTTP/1.1\r\nHost: x\r\n",
			"Authorization: $p->{read_key}\r\nConnection: close\r\n",
			'Content-Length: ', length $body, "\r\n\r\n$body";
		$s->flush;
		$s;
	} 1 .. 3;
	local $/;
	my @ok = grep { m{^HTTP/1.1 200} } map { scalar <$_> } @sockets;
	is(scalar @ok, 3, 'one connection for four slots: they take turns');
}
is(metrics()->{'tally_breaker_open{pool="query"}'}, 0,
	'that is no reason to stop trying');
$tally->psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
		. " WHERE usename = 'tally_writer'");
$_->finish for @others;
$tally->wait_until('an answer', \&answers);
pass('the others leave');

#-----------------------------------------------------------------------------
# The server killed
#-----------------------------------------------------------------------------

my ($socket) = map {
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $tally->{port})
		or die $!;
	print $s "GET $base/sleep?seconds=2.5 HTTP/1.1\r\nHost: x\r\n",
		"Authorization: $p->{read_key}\r\nConnection: close\r\n\r\n";
	$s->flush;
	$s
} 1;
$tally->wait_until('a query', sub { Standin::queries_running($tally) == 1 });
kill 'KILL', $tally->database_pids;
$tally->wait_for_exit('postgres', 10);
my ($text, $took) = timed(sub { local $/; scalar <$socket> });
like($text, qr{^HTTP/1.1 503}, 'kill -9 of all of PostgreSQL: 503');
cmp_ok($took, '<', 2, 'before the query would have ended');
echo() for 1 .. 5;
$tally->wait_until('the breaker to open', sub {
	echo(); metrics()->{'tally_breaker_open{pool="query"}'} == 1 });
$from = length $tally->log_text('read');
# what waited for a connection would do so each time; a busy machine does not
my ($r, @each);
for (1 .. 15)
{
	($r, my $this) = timed(\&echo);
	push @each, $this;
}
is($r->{status}, 503, 'and then');
cmp_ok(min(@each), '<', 0.06, '... at once');
@told = refused_in($from);
cmp_ok(scalar @told, '>', 5, '... the log says how soon');
cmp_ok($told[0.5 * $#told], '<', 0.001, '... in less than 1 ms');
$tally->start_postgres;
(undef, $back) = timed(sub { $tally->wait_until('an answer', \&answers) });
cmp_ok($back, '<', 5, 'it is back after the restart');

#-----------------------------------------------------------------------------
# Somebody takes connections and says nothing
#-----------------------------------------------------------------------------

$tally->stop_postgres;
my $path = $tally->dir . '/run/.s.PGSQL.5432';
unlink $path;
my $mute = IO::Socket::UNIX->new(Local => $path, Listen => SOMAXCONN) or die $!;
chmod 0777, $path;
$tally->wait_until('no more attempts', sub {
	my ($r, $s) = timed(\&echo);
	$r->{status} == 503 && $s < 0.05 }, 10);
@took = map { (timed(\&echo))[1] } 1 .. 20;
cmp_ok((sort { $a <=> $b } @took)[10], '<', 0.06, 'a connect that hangs: 503');
cmp_ok((sort { $a <=> $b } @took)[19], '<', 0.8, 'one who tries waits for it');
is($tally->http('GET', '/health/query/live')->{status}, 200, 'live');
is($tally->http('GET', '/health/query/ready')->{status}, 503, 'not ready');
close $mute;
unlink $path;
$tally->start_postgres;
(undef, $back) = timed(sub { $tally->wait_until('an answer', \&answers) });
cmp_ok($back, '<', 5, 'and it is back with the server');

done_testing();
