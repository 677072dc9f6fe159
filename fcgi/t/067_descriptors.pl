# No descriptors are left: who is connected is served, who comes waits without
# harm, it is counted and logged, and all are answered once there are some again.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use IO::Select;
use Records;
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { LEFT => 4, END_REQUEST => 3 };

my $tally = TallyTest->new(name => 'descriptors');
my $p = Standin::start($tally);
$tally->psql(<<'END');
CREATE FUNCTION tally.spool_progress(uuid) RETURNS int8 LANGUAGE sql
AS 'SELECT 0::int8';
CREATE FUNCTION tally.ingest(uuid, int8, int8, bytea, bool, int4[],
    OUT stored int8, OUT duplicate int8, OUT rejected int4[]) LANGUAGE sql
AS $$ SELECT $3 - $2 + 1, 0::int8, '{}'::int4[] $$;
END
my %socket = (write => $tally->write_socket, read => $tally->read_socket);
$tally->start_write(key_refresh_ms => 200, spool_file_mb => 1,
	spool_reserve_mb => 0, threads => 2);
$tally->start_read(key_refresh_ms => 200, threads => 2);

# ask(s, request...) -- on a connection that stays (Records::request).
sub ask
{
	my ($s, @request) = @_;
	my (undef, @rest) = request(@request);
	return send_all($s, join '', record(BEGIN_REQUEST, pack 'nCx5', 1, 1), @rest);
}

# hear(s, seconds) -- the status of the answer, or 0: none so soon; its text.
sub hear
{
	my ($s, $seconds) = @_;
	my ($in, $at, $text, $end) = ('', 0, '', time + $seconds);
	while (time < $end)
	{
		next unless IO::Select->new($s)->can_read(0.05);
		last unless sysread $s, $in, 65536, length $in;
		while (length $in >= $at + 8)
		{
			my (undef, $type, undef, $len, $pad) = unpack "x${at}CCnnC", $in;
			last if length $in < $at + 8 + $len + $pad;
			$text .= substr $in, $at + 8, $len if $type == 6;
			$at += 8 + $len + $pad;
			next unless $type == END_REQUEST;
			my $status = $text =~ /^Status: (\d+)/m ? $1 : 200;
			return wantarray ? ($status, $text) : $status;
		}
	}
	return wantarray ? (0, $text) : 0;
}

# asked(name, request...) -- of a new connection, which then goes.
sub asked
{
	my ($name, @request) = @_;
	my $s = dial($socket{$name}) or return 0;
	ask($s, @request);
	return hear($s, 10);
}

sub errors
{
	my ($text) = @_;
	return $text =~ /^tally_accept_errors_total (\d+)$/m ? $1 : die "no counter";
}

sub descriptors
{
	my ($name) = @_;
	return sort { $a <=> $b } map { m{(\d+)$} }
		glob '/proc/' . $tally->pid($name) . '/fd/*';
}

# leave(name, number) -- so many descriptors more than it has now.
sub leave
{
	my ($name, $number) = @_;
	my ($seen, $still) = ('', 0);
	$tally->wait_until('it to be at rest', sub {
		my $now = join ' ', descriptors($name);
		$still = $now eq $seen ? $still + 1 : 0;
		$seen = $now;
		return $still == 10;
	});
	my %used = map { $_ => 1 } descriptors($name);
	my $limit = 0;    # a descriptor is less than that
	while ($number > 0) { $number-- unless $used{ $limit++ } }
	$tally->run_as_user('prlimit', '--pid=' . $tally->pid($name),
		"--nofile=$limit:");
	return;
}

# waits(name, free) -- the rest of the matter, with all descriptors in use until
# free() is called.
sub waits
{
	my ($name, $free) = @_;
	my $pid = $tally->pid($name);
	my @late = map { dial($socket{$name}) } 1 .. 3;
	is(scalar(grep { defined } @late), 3, "$name: three more connect");
	ask($_, 'GET', '/health/live', '', '') for @late;
	is(hear($late[0], 1), 0, '... and wait');
	like($tally->log_text($name),
		qr/level=error event=accept_failed error="Too many open files"/,
		'... the log says why');
	$free->();
	is_deeply([ map { scalar hear($_, 10) } @late ], [ 200, 200, 200 ],
		'... until there are descriptors: all are answered');
	close $_ for @late;
	my (undef, $text) = asked($name, 'GET', '/metrics', '', '');
	cmp_ok(errors($text), '>', 5, '... it was counted');
	# two threads, 50 ms each, for as long as a slow machine takes
	cmp_ok(errors($text), '<', 2 * 20 * 60, '... not without a pause');
	is($tally->pid($name), $pid, '... and it is the same process');
	ok($tally->is_running($name), '... that goes on');
	return;
}

my $event = "/3.0/projects/$p->{project}/events/c";
my $query = "/3.0/projects/$p->{project}/queries";
eval { $tally->wait_until('the keys', sub {
	asked('write', 'POST', $event, $p->{write_key}, '{"a": 1}') == 201 }) };
eval { $tally->wait_until('an answer', sub {
	asked('read', 'POST', "$query/echo", $p->{read_key}, '{}') == 200 }) };
for my $name (qw(write read))
{
	my (undef, $text) = asked($name, 'GET', '/metrics', '', '');
	is(errors($text), 0, "$name: none has failed yet");
}

# Connections that are kept.
leave('write', LEFT);
my @kept = map { dial($socket{write}) } 1 .. LEFT;
ask($_, 'GET', '/health/live', '', '') for @kept;
is_deeply([ map { scalar hear($_, 5) } @kept ], [ (200) x LEFT ],
	'as many as it may have are answered, and stay');
waits('write', sub {
	ask($kept[0], 'POST', $event, $p->{write_key}, '{"a": 2}');
	is(hear($kept[0], 5), 201, '... an event of who is connected is taken');
	ask($kept[1], 'GET', '/metrics', '', '');
	cmp_ok(errors((hear($kept[1], 5))[1]), '>', 0, '... who asks is told');
	close $_ for @kept;
});

# Queries that are under way.
leave('read', LEFT);
my @waiting = map { dial($socket{read}) } 1 .. LEFT;
ask($_, 'POST', "$query/sleep", $p->{read_key}, '{"seconds": 4}') for @waiting;
sleep 0.5;
waits('read', sub {
	is_deeply([ map { scalar hear($_, 10) } @waiting ], [ (200) x LEFT ],
		'... who was there before is answered') });

ok($tally->stop, 'all stops');
done_testing();
