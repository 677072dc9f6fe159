# A restart of tally-read under load, on a socket that outlives the program (as
# systemd's tally-read.socket does): no query is dropped, those that run when
# it is told to end are answered, and the next one begins without the database.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use Fcntl qw(F_SETFD);
use File::Copy qw(copy);
use IO::Socket::UNIX;
use POSIX qw(_exit);
use Socket qw(SOCK_STREAM);
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $RESTARTS = 5;
my $CLIENTS = 6;

my $tally = TallyTest->new(name => 'reload-read');
my $dir = $tally->dir;
my $p = Standin::start($tally);
my $binary = "$dir/bin/tally-read";
copy("$TallyTest::ROOT/fcgi/tally-read", $binary) or die $!;
chmod 0755, $binary;

# as the socket unit: made before the program, and there when it is not
my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM,
	Local => $tally->read_socket, Listen => 1024) or die "socket: $!\n";
chmod 0666, $tally->read_socket;
fcntl $socket, F_SETFD, 0;    # is passed on
my $fd = fileno $socket;

sub start
{
	# the shell's process becomes the program's: $$ is right
	$tally->spawn('read', 'bash', '-c',
		($fd == 3 ? '' : "exec 3<&$fd $fd<&-; ")
			. 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', 'bash', $binary,
		'--listen=' . $tally->read_socket, "--key_file=$dir/run/keys",
		'--key_refresh_ms=500', '--slot_wait_ms=10000', '--key_slots=8',
		'--database=' . $tally->conninfo(user => 'tally_reader'));
	return;
}

my $queries = "/3.0/projects/$p->{project}/queries";
sub ask { return $tally->http('GET', "$queries/$_[0]", key => $p->{read_key}) }

start();
# nginx waits as long as a slow machine takes; limits are not the subject
$tally->start_nginx(edit => sub {
	s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg;
	s/(fastcgi_read_timeout) 15s/$1 60s/;
});
$tally->wait_until('the keys', sub { ask('echo?n=0')->{status} == 200 });

# Some ask what is answered at once, some what takes its time.  A byte in a
# file for each answer that is right.
my @clients = map {
	my $k = $_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		my $stop = 0;
		local $SIG{TERM} = sub { $stop = 1 };
		open my $right, '>', "$dir/right-$k" or _exit(1);
		open my $wrong, '>', "$dir/wrong-$k" or _exit(1);
		for (my $n = 1; !$stop; $n++)
		{
			my $what = $k % 2 ? "echo?n=$k-$n" : "sleep?seconds=0.3&n=$k-$n";
			my $want = $k % 2 ? qr/"$k-$n"/ : qr/slept/;
			my $r = ask($what);
			if ($r->{status} == 200 && $r->{content} =~ $want)
			{
				syswrite $right, '.';
			}
			else { syswrite $wrong, "$r->{status} $r->{content}\n" }
		}
		_exit(0);
	}
	$pid;
} 1 .. $CLIENTS;

# each_has(n) -- until each client has so many more right answers.
sub each_has
{
	my ($n) = @_;
	my %end = map { $_ => $n + (-s "$dir/right-$_" // 0) } 1 .. $CLIENTS;
	$tally->wait_until("$n more answers", sub {
		!grep { (-s "$dir/right-$_" // 0) < $end{$_} } keys %end }, 60);
	return;
}

my ($clean, $running) = (0, 0);
for (1 .. $RESTARTS)
{
	each_has(3);
	$tally->wait_until('a query that runs',
		sub { Standin::queries_running($tally) > 0 });
	$running++;
	my $began = time;
	$tally->signal('read', 'TERM');
	$tally->wait_for_exit('read', 30) or last;
	$clean++ if $tally->exit_status('read') == 0;
	start();
	note(sprintf 'restarted in %.2f s', time - $began);
}
each_has(3);
kill 'TERM', @clients;
waitpid $_, 0 for @clients;
is("$clean of $running", "$RESTARTS of $RESTARTS",
	'restarted while queries run: each end is in order');

my ($right, $wrong) = (0, '');
for my $k (1 .. $CLIENTS)
{
	$right += -s "$dir/right-$k";
	open my $fh, '<', "$dir/wrong-$k" or die $!;
	$wrong .= join '', <$fh>;
}
cmp_ok($right, '>=', $CLIENTS * 3 * ($RESTARTS + 1),
	"$right queries were answered");
is($wrong, '', 'and every one rightly');
ok(-S $tally->read_socket, 'the socket is still there');

# Who asks while nothing runs waits for the next start, which needs no database.
$tally->signal('read', 'TERM');
ok($tally->wait_for_exit('read', 30), 'an idle one ends');
$tally->stop_postgres;
my $waiting = fork() // die "fork: $!";
if ($waiting == 0)
{
	my $r = $tally->http('GET', '/health/query/live');
	_exit($r->{status} == 200 ? 0 : 1);
}
sleep 0.3;
is(waitpid($waiting, POSIX::WNOHANG), 0, 'who asks meanwhile waits');
start();
waitpid $waiting, 0;
is($?, 0, 'and is answered by the next one');
is(ask('echo?n=last')->{status}, 503, 'which starts without a database');
is($tally->http('GET', $queries, key => $p->{read_key})->{status}, 200, 'and knows the keys');

done_testing();
