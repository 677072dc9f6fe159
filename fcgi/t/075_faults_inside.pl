# Faults inside of tally-write (lib/faults.c): the disk fails at the n-th
# call, memory runs out at the n-th allocation, syncs are slow, the clock on
# the wall jumps.  What was acknowledged is stored once.  It never crashes, but
# where libfcgi is out of memory, which it answers with abort(): then a restart
# loses nothing.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use Errno qw(EIO ENOSPC);
use Faults;
use IO::Compress::Gzip qw(gzip);
use TallyTest;
use POSIX qw(SIGABRT);
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'inside');
my $dir = $tally->dir;
$tally->start_postgres;
my $p = $tally->create_project('one');
my $faults = Faults->new($tally, 'write');
my %settings = (key_refresh_ms => 300, spool_file_mb => 1,
	spool_reserve_mb => 0, key_file => "$dir/keys");

sub start { $faults->around(sub { $tally->start_write(%settings) }) }
start();
$tally->start_nginx;
my $base = "/3.0/projects/$p->{project}/events";

my (%acked, %sent);
my $next = 0;

# post_one -- an event; post_batch -- five, compressed.  The status.
sub post_one
{
	my $id = 'e' . $next++;
	$sent{$id} = 1;
	my $r = $tally->http('POST', "$base/load", key => $p->{write_key},
		json => { id => $id });
	$acked{$id} = 1 if $r->{status} == 201;
	return $r->{status};
}

sub post_batch
{
	my @ids = map { 'e' . $next++ } 1 .. 5;
	@sent{@ids} = (1) x 5;
	my $json = '{"load": [' . join(',', map { qq({"id": "$_"}) } @ids) . ']}';
	gzip(\$json => \my $body);
	my $r = $tally->http('POST', $base, key => $p->{write_key},
		body => $body, headers => { 'Content-Encoding' => 'gzip' });
	my $answers = ($r->{json} // {})->{load} // [];
	for my $i (0 .. $#ids)
	{
		$acked{ $ids[$i] } = 1
			if $r->{status} == 200 && ($answers->[$i] // {})->{success};
	}
	return $r->{status};
}

$tally->wait_until('the keys', sub { post_one() == 201 });

# ask_all -- one of each kind; their statuses.
sub ask_all
{
	return (post_one(), post_batch(),
		$tally->http('GET', '/metrics/write')->{status},
		$tally->http('GET', '/health/ready')->{status});
}

# alive -- or why not, and started again.
sub alive
{
	return 1 if $tally->is_running('write');
	my $status = $tally->exit_status('write');
	diag sprintf 'it ended: status %d, signal %d', $status >> 8,
		$status & 127;
	start();
	return 0;
}

#-----------------------------------------------------------------------------
# The disk
#-----------------------------------------------------------------------------

# More than eight requests need of the disk.
my $MOST = 60;
for my $case ([ ENOSPC, 'no space' ], [ EIO, 'an error' ],
	[ 0, 'a short write' ])
{
	my ($errno, $name) = @$case;
	my ($odd, $crashed, $n) = (0, 0, 0);
	for ($n = 1; $n <= $MOST; $n++)
	{
		$faults->set(disk_in => $n, disk_errno => $errno);
		for (1 .. 4)
		{
			for my $status (post_one(), post_batch())
			{
				$odd++ unless $status =~ /^(?:200|201|503)$/;
			}
		}
		last unless $faults->happened;
		$faults->set;
		$crashed++ unless alive();
		# A sync that failed is the end until a restart.
		my $end = time + 5;
		sleep 0.05 until post_one() == 201 || time > $end
			|| $tally->http('GET', '/health/ready')->{content} =~ /restarted/;
		next if post_one() == 201;
		$tally->stop_write;
		start();
		$tally->wait_until('events to be taken', sub { post_one() == 201 });
	}
	$faults->set;
	is("$odd odd, $crashed crashed", '0 odd, 0 crashed',
		"$name at the n-th call of the disk, up to $n");
	cmp_ok($n, '<', $MOST, '... which was one too many');
}

#-----------------------------------------------------------------------------
# Memory
#-----------------------------------------------------------------------------

for my $all (0, 1)
{
	my $name = $all ? 'the n-th allocation of our own and all that follow'
		: 'the n-th allocation of our own';
	my ($odd, $crashed, $n) = (0, 0, 0);
	for ($n = 1; $n < 400; $n++)
	{
		$faults->set(malloc_in => $n, malloc_of => 1, malloc_all => $all);
		$odd += grep { !/^(?:200|201|500|503)$/ } ask_all();
		$crashed++ unless alive();
		last unless $faults->happened;
	}
	$faults->set;
	is("$odd odd, $crashed crashed", '0 odd, 0 crashed',
		"no memory at $name, up to $n");
	cmp_ok($n, '>', 5, 'of which there are some');
	is(post_one(), 201, 'and then there is memory again');
}

# In libfcgi: it aborts, and is started again, as systemd does; that nothing
# acknowledged is lost by that is seen at the end.
{
	my ($odd, $aborted, $crashed, $happened) = (0, 0, 0, 0);
	for (my $n = 1; $n < 200; $n = int($n * 1.5) + 1)
	{
		$faults->set(malloc_in => $n, malloc_of => 2);
		$odd += grep { !/^(?:200|201|502|503)$/ } ask_all();
		last unless $faults->happened;
		$happened++;
		# its sockets are closed a moment before it has ended
		next unless $tally->wait_for_exit('write', 10);
		my $signal = $tally->exit_status('write') & 127;
		$signal == SIGABRT ? $aborted++ : $crashed++;
		start();
		$tally->wait_until('events to be taken', sub { post_one() == 201 });
	}
	$faults->set;
	is("$odd odd, $crashed crashed", '0 odd, 0 crashed',
		'no memory in libfcgi: nothing but its abort()');
	is($aborted, $happened, "... $happened times, each is one");
	cmp_ok($aborted, '>', 5, '... and there are some');
}

# At the start: it runs, or it says that it does not.
{
	my ($crashed, $ran) = (0, 0);
	$tally->stop_write;
	for (my $n = 1; $n < 20_000; $n = int($n * 1.3) + 1)
	{
		$faults->set(malloc_in => $n);
		eval { start(); $ran++ };
		sleep 0.05;
		if ($tally->is_running('write'))
		{
			$faults->set;
			$tally->stop_write;
		}
		my $status = $tally->exit_status('write') // 0;
		next unless $status & 127;
		$crashed++;
		diag sprintf 'allocation %d: signal %d', $n, $status & 127;
	}
	is($crashed, 0, 'no memory at the n-th allocation of the start');
	cmp_ok($ran, '>', 3, "$ran times it ran all the same");
	$faults->set;
	start();
	$tally->wait_until('events to be taken', sub { post_one() == 201 });
}

#-----------------------------------------------------------------------------
# Time
#-----------------------------------------------------------------------------

$faults->set(sync_us => 200_000);
my $began = time;
is(post_one(), 201, 'a sync of 200 ms');
cmp_ok(time - $began, '>=', 0.2, 'is waited for');
$faults->set;

for my $s (3600, -3600, 86_400 * 400, -86_400 * 400)
{
	$faults->set(clock_s => $s);
	$began = time;
	is(post_one(), 201, "the wall clock $s s off: an event is taken");
	is($tally->http('GET', '/health/ready')->{status}, 200, '... it is ready');
	sleep 0.7;    # the keys are loaded again, at their time
	is(post_batch(), 200, '... keys stay good');
	my $id = 'e' . ($next - 1);
	$tally->wait_until('it', sub { $tally->psql('SELECT count(*) FROM'
		. " tally_store.event WHERE properties ->> 'id' = '$id'") }, 10);
	cmp_ok(time - $began, '<', 5, '... and it is stored at once');
}
$faults->set;

#-----------------------------------------------------------------------------

$tally->wait_until('the spool to be drained', sub {
	$tally->http('GET', '/metrics/write')->{content}
		=~ /^tally_spool_oldest_seconds 0(?:\.0*)?$/m }, 30);
my %stored;
$stored{$_}++ for split /\n/, $tally->psql(
	"SELECT properties ->> 'id' FROM tally_store.event");
is(scalar(grep { !$stored{$_} } keys %acked), 0,
	keys(%acked) . ' events acknowledged: each is stored');
is(scalar(grep { $_ > 1 } values %stored), 0, 'none of them twice');
is(scalar(grep { !$sent{$_} } keys %stored), 0, 'none that was not sent');
my $letters = "$dir/spool/dead-letters.jsonl";
ok(!-s $letters, 'no dead letters');

#-----------------------------------------------------------------------------
# The power goes when an event has become a dead letter
#-----------------------------------------------------------------------------

unlink $letters;
$faults->set(forget => 1);
$tally->psql(q(ALTER TABLE tally_store.event ADD CONSTRAINT poison
	CHECK (properties ->> 'poison' IS NULL)));
is($tally->http('POST', "$base/load", key => $p->{write_key},
	json => { poison => 1 })->{status}, 201, 'an event that is refused later');
$tally->wait_until('the dead letter', sub {
	$tally->http('GET', '/metrics/write')->{content}
		=~ /^tally_drain_events_total\{result="dead_letter"\} 1$/m }, 30);
$tally->kill_process('write');
ok(-s $letters, 'which is there after a crash');

done_testing();
