# Bodies and events that are sent again because an answer was lost: stored
# once, answered as the first time, and nothing honest is lost by it.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use Errno qw(ENOSPC);
use Faults;
use IO::Compress::Gzip qw(gzip);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'repeats');
$tally->start_postgres;
my $p = $tally->create_project('one');
my $other = $tally->create_project('other');
my $faults = Faults->new($tally, 'write');
my %settings = (key_refresh_ms => 200, spool_reserve_mb => 0,
	key_file => $tally->dir . '/keys');
$tally->start_nginx;

sub start
{
	my (%more) = @_;
	$faults->around(sub { $tally->start_write(%settings, %more) });
	$tally->wait_until('the keys', sub {
		$tally->http('POST', "/3.0/projects/$p->{project}/events",
			key => $p->{write_key}, json => {})->{status} == 200 });
}
start();

my $collection = 0;
sub fresh { return 'c' . ++$collection }

# post(collection or undef for a batch, body, %opt)
sub post
{
	my ($name, $body, %o) = @_;
	my $to = delete $o{to} // $p;
	return $tally->http('POST', "/3.0/projects/$to->{project}/events"
			. (defined $name ? "/$name" : ''), key => $to->{write_key},
		body => $body, %o);
}
sub repeated { return ($_[0]{headers}{'tally-repeated'} // 'no') eq 'true' }

# stored(collection) -- how often, when all that was sent before is there.
my $ends = 0;
sub stored
{
	my ($name) = @_;
	my $end = 'end' . ++$ends;
	post($end, '{}')->{status} == 201 or die 'the last one is not taken';
	$tally->wait_until('what was sent', sub { $tally->psql(
		"SELECT 1 FROM tally_store.collection WHERE name = '$end'") });
	return $tally->psql('SELECT count(*) FROM tally_store.event e JOIN'
		. " tally_store.collection c USING (collection_id) WHERE c.name = '$name'");
}
my $at = '"keen": {"timestamp": "2026-03-01T09:30:00Z"}';

#-----------------------------------------------------------------------------
# Bodies
#-----------------------------------------------------------------------------

my $c = fresh();
my $body = qq({"$c": [{"n": 1, $at}, {"n": 2, $at}, {"\$bad": 1}]});
my ($r, $again) = map { post(undef, $body) } 1, 2;
is("$r->{status} $again->{status}", '200 200', 'a batch, and again');
is($again->{content}, $r->{content}, 'has the same answer, errors too');
ok(!repeated($r) && repeated($again), 'which says that it is the second');
gzip(\$body => \my $small);
$r = post(undef, $small, headers => { 'Content-Encoding' => 'gzip' });
ok($r->{status} == 200 && repeated($r), 'compressed it is the same body');
is(stored($c), 2, 'its events are stored once');
$r = post(undef, "$body ");
ok(!repeated($r), 'with one more blank it is another body');
is(stored($c), 4, 'and stored');

$c = fresh();
$body = qq({"n": 1, $at});
($r, $again) = map { post($c, $body) } 1, 2;
is("$again->{status} $again->{content}", '201 {"created":true}',
	'an event, and again');
ok(repeated($again) && stored($c) == 1, 'is stored once');
my $d = fresh();
ok(!repeated(post($d, $body)) && stored($d) == 1, 'once a collection');
ok(!repeated(post($d, $body, to => $other)) && stored($d) == 2,
	'once a project');
ok(!repeated(post(undef, $body)), 'and it is no batch');

# What may honestly be the same is stored as often as it comes.
$c = fresh();
ok(!repeated(post($c, '{"n": 1}')), 'an event without a time') for 1, 2;
is(stored($c), 2, '... is another each time');
$c = fresh();
ok(!repeated(post(undef, qq({"$c": [{$at}, {"n": 1}]}))), 'a batch with one')
	for 1, 2;
is(stored($c), 4, '... too, all of it');
$c = fresh();
my $data = 'eyJrZWVuIjp7InRpbWVzdGFtcCI6IjIwMjYtMDMtMDFUMDk6MzA6MDBaIn19';
$tally->http('GET', "/3.0/projects/$p->{project}/events/$c?data=$data"
	. "&api_key=$p->{write_key}") for 1, 2;
is(stored($c), 2, 'so are images of the same URL');

# A client that means to send the same twice, says so with tokens.
$c = fresh();
for my $token (qw(a b b))
{
	post($c, '{"keen": {"timestamp": "2026-03-01T09:30:00Z",'
		. qq( "uniqueness_token": "$token"}}));
}
is(stored($c), 2, 'two tokens are two events, the same token is one');

#-----------------------------------------------------------------------------
# Only what is on disk
#-----------------------------------------------------------------------------

# Four send the same while the disk takes its time; the first leaves.
$c = fresh();
$body = qq({"n": 1, $at});
$faults->set(sync_us => 1_000_000);
my $before = time;
my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tally->{port}");
syswrite $socket, "POST /3.0/projects/$p->{project}/events/$c HTTP/1.1\r\n"
	. "Host: x\r\nAuthorization: $p->{write_key}\r\nContent-Length: "
	. length($body) . "\r\n\r\n$body";
sleep 0.2;
close $socket;
my @pids = map {
	my $pid = fork() // die;
	if ($pid == 0)
	{
		my $x = post($c, $body);
		POSIX::_exit($x->{status} == 201 && repeated($x) ? 0 : 1);
	}
	$pid;
} 1 .. 3;
my $wrong = 0;
for my $pid (@pids) { waitpid $pid, 0; $wrong++ if $? }
my $took = time - $before;
$faults->set;
is($wrong, 0, 'who sends it while it is on its way is answered');
cmp_ok($took, '>', 0.7, '... when it is on disk');
is(stored($c), 1, 'and it is stored once');

# A body that the disk did not take is taken when it comes again.
$c = fresh();
$body = qq({"n": 1, $at});
for my $nth (1 .. 3)
{
	$faults->set(disk_in => $nth, disk_errno => ENOSPC);
	$r = post($c, $body);
	last if $r->{status} == 503;
}
is($r->{status}, 503, 'a body that the disk refuses') or diag $r->{status};
$faults->set;
$tally->wait_until('events to be taken',
	sub { ($r = post($c, $body))->{status} == 201 });
ok(!repeated($r), '... is not taken for stored when it comes again');
is(stored($c), 1, 'but stored');

my $metrics = $tally->http('GET', '/metrics/write')->{content};
my ($n) = $metrics =~ /^tally_ingest_repeated_total (\d+)$/m;
is($n, 6 + 1, 'all that came again are counted') or diag $n // 'none';

#-----------------------------------------------------------------------------
# The window, a restart, the switch
#-----------------------------------------------------------------------------

# Ids are the database's: they outlive this program, and its window.
$c = fresh();
my $token = '{"keen": {"uniqueness_token": "once"}, "try": ';
post($c, $token . '1}');
is(stored($c), 1, 'an event with a token');
$tally->psql('UPDATE tally_store.event SET received_at = received_at'
	. " - interval '23 h 59 min' WHERE id IS NOT NULL");
$tally->stop_write;
start(repeat_window_ms => 600, repeat_bodies => 2);
post($c, $token . '2}');
post(undef, qq({"$c": [$token 3}, $token 4}]}));
is(stored($c), 1, '... is one for a day, whatever else is in its body');

$c = fresh();
my @bodies = map { qq({"n": $_, $at}) } 1 .. 3;
post($c, $_) for @bodies;
ok(repeated(post($c, $bodies[2])), 'the newest bodies are remembered');
ok(!repeated(post($c, $bodies[0])), 'as many as there is room for');
sleep 0.7;
ok(!repeated(post($c, $bodies[2])), 'and for as long as was set');
is(stored($c), 5, 'others are stored again');

$tally->stop_write;
start();
ok(!repeated(post($c, $bodies[2])), 'a restart forgets');
$tally->stop_write;
start(repeat_window_ms => 0);
ok(!repeated(post($c, $bodies[2])), 'switched off') for 1, 2;
is(stored($c), 8, 'every body is stored');

done_testing();
