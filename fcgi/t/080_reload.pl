# A restart under load, on a socket that outlives the program (as systemd's
# tally-write.socket does): no request is dropped, nothing is lost.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../../deploy/t/lib";

use Fcntl qw(F_SETFD);
use File::Copy qw(copy);
use IO::Socket::UNIX;
use POSIX qw(_exit);
use Socket qw(SOCK_STREAM);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $RESTARTS = 5;

my $tally = TallyTest->new(name => 'reload');
my $dir = $tally->dir;
$tally->start_postgres;
my $p = $tally->create_project('one');
my $binary = "$dir/bin/tally-write";
copy("$TallyTest::ROOT/fcgi/tally-write", $binary) or die $!;
chmod 0755, $binary;
mkdir "$dir/spool", 0700 or die $!;
chown $tally->{uid}, $tally->{gid}, "$dir/spool" if defined $tally->{uid};

my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM,
	Local => $tally->write_socket, Listen => 1024) or die "socket: $!\n";
chmod 0666, $tally->write_socket;
fcntl $socket, F_SETFD, 0;    # is passed on
my $fd = fileno $socket;

sub start
{
	# the shell's process becomes the program's: $$ is right
	$tally->spawn('write', 'bash', '-c',
		($fd == 3 ? '' : "exec 3<&$fd $fd<&-; ")
			. 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', 'bash', $binary,
		'--listen=' . $tally->write_socket, "--spool=$dir/spool",
		"--key_file=$dir/keys", '--spool_reserve_mb=0', '--key_refresh_ms=500',
		'--database=' . $tally->conninfo(user => 'tally_writer'));
	return;
}
start();
$tally->start_nginx;
my $base = "/3.0/projects/$p->{project}/events";
$tally->wait_until('the keys', sub { $tally->http('POST', $base,
	key => $p->{write_key}, json => {})->{status} == 200 });

my @senders = map {
	my $k = $_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		my $stop = 0;
		local $SIG{TERM} = sub { $stop = 1 };
		my ($sent, $bad) = (0, '');
		while (!$stop)
		{
			my $r = $tally->http('POST', "$base/load", key => $p->{write_key},
				json => { id => "$k-$sent" });
			$sent++;
			$bad .= " $r->{status}" if $r->{status} != 201;
		}
		open my $fh, '>', "$dir/sent-$k" or _exit(1);
		print $fh "$sent$bad\n";
		close $fh;
		_exit(0);
	}
	$pid;
} 1 .. 8;

my $clean = 0;
for (1 .. $RESTARTS)
{
	sleep 0.4;
	my $began = time;
	$tally->signal('write', 'TERM');
	$tally->wait_for_exit('write', 10) or last;
	$clean++ if $tally->exit_status('write') == 0;
	start();
	diag sprintf 'restarted in %.2f s', time - $began;
}
sleep 0.5;
kill 'TERM', @senders;
waitpid $_, 0 for @senders;
is($clean, $RESTARTS, "$RESTARTS ends in order");

my ($sent, @bad) = (0);
for my $k (1 .. 8)
{
	open my $fh, '<', "$dir/sent-$k" or die $!;
	my ($n, @statuses) = split ' ', <$fh>;
	$sent += $n;
	push @bad, @statuses;
}
cmp_ok($sent, '>', 100, "$sent requests meanwhile");
is("@bad", '', 'each of them was answered with success');
$tally->wait_until('them in the database', sub { $tally->psql(
	'SELECT count(*) FROM tally_store.event') >= $sent }, 30);
is($tally->psql("SELECT count(DISTINCT properties ->> 'id') || ' of ' || "
		. 'count(*) FROM tally_store.event'), "$sent of $sent",
	'and stored once');
ok(-S $tally->write_socket, 'the socket is still there');

# ends(title) -- it was asked to: nothing that it waits for holds it up.
sub ends
{
	my ($title) = @_;
	my $began = time;
	$tally->signal('write', 'TERM');
	ok($tally->wait_for_exit('write', 5), "$title: it ends");
	my $took = time - $began;
	note(sprintf '%s: ended in %.2f s', $title, $took);
	cmp_ok($took, '<', 1, "$title: within a second");
	return;
}
ends('idle');
start();
$tally->wait_until('it', sub { $tally->http('GET', '/health/live')->{status}
	== 200 });
$tally->stall_database;
# the keys are asked for each second, and the answer does not come
sleep 1.5;
ends('the database stands still');
$tally->resume_database;

done_testing();
