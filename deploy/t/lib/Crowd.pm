# Crowd.pm
#     Many HTTP clients in one process, each asking, waiting for its answer,
#     pausing and asking again, while things are done to the servers.
#
#     my $crowd = Crowd::run($tally, seconds => 5, clients => 200,
#         pause => 0.3,
#         ask => sub { my ($client, $seconds) = @_; ($kind, $bytes, $tag) },
#         at => [ [ 1.0, sub { my ($start) = @_; ... } ], ... ]);
#     my @answers = @{ $crowd->{answers} };
#
# The clients are a process of their own: nothing that is done meanwhile keeps
# them waiting, and what ask() changes is changed there alone.  "start" and
# "end" of what is returned, and what is given to the subs of "at", are times
# as of time().  With "until" it goes on until that says so, too, in the
# clients' process.
#
# Each answer is {kind, tag, status, warning, begin, took}: seconds since the
# start of the run, and how long it took; status 0 is a connection that broke.
package Crowd;

use strict;
use warnings;

use Errno qw(EAGAIN EINPROGRESS EWOULDBLOCK);
use IO::Poll qw(POLLIN POLLOUT POLLHUP POLLERR);
use POSIX qw(_exit);
use Probe;
use Socket qw(:DEFAULT inet_aton);
use Storable qw(nstore retrieve);
use Time::HiRes qw(sleep time);

# Longer than any deadline of ours.
my $PATIENCE_S = 30;

# request(method, path, key, body) -- the bytes of a request.
sub request
{
	my ($method, $path, $key, $body) = @_;
	return "$method $path HTTP/1.1\r\nHost: x\r\nAuthorization: $key\r\n"
		. "Connection: close\r\n"
		. (defined $body ? 'Content-Length: ' . length($body) . "\r\n\r\n$body"
			: "\r\n");
}

sub open_one
{
	my ($tally) = @_;
	socket my $s, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
	$s->blocking(0);
	connect($s, pack_sockaddr_in($tally->{port}, inet_aton('127.0.0.1')))
		or $! == EINPROGRESS or die "connect: $!";
	return $s;
}

sub finish
{
	my ($c, $start) = @_;
	my ($status) = $c->{in} =~ m{^HTTP/1\.\d (\d+)};
	my ($warning) = $c->{in} =~ /^Warning: (.*?)\r$/mi;
	close $c->{socket};
	return { kind => $c->{kind}, tag => $c->{tag}, status => $status // 0, warning => $warning,
		begin => $c->{begin} - $start, took => time - $c->{begin} };
}

# clients -- all of them, to their end: the answers.
sub clients
{
	my ($tally, $start, %o) = @_;
	my $poll = IO::Poll->new;
	my %by_socket;
	my @answers;
	my @idle = map { { next => $start + $_ * $o{pause} / $o{clients},
		number => $_ } } 1 .. $o{clients};

	while (1)
	{
		my $now = time;
		my $asking = $now - $start < $o{seconds}
			|| ($o{until} && !$o{until}->() && $now - $start < $PATIENCE_S);
		while ($asking && @idle && $idle[0]{next} <= $now)
		{
			my $c = shift @idle;
			@$c{qw(kind out tag)} = $o{ask}->($c->{number}, $now - $start);
			@$c{qw(in begin socket)} = ('', time, open_one($tally));
			$by_socket{ $c->{socket} } = $c;
			$poll->mask($c->{socket} => POLLOUT);
		}
		last if !$asking && !%by_socket;
		die keys(%by_socket) . " without an answer\n"
			if $now - $start > $o{seconds} + 2 * $PATIENCE_S;

		$poll->poll(0.01);
		for my $s ($poll->handles(POLLOUT | POLLIN | POLLHUP | POLLERR))
		{
			my $c = $by_socket{$s};
			if (length $c->{out})
			{
				my $n = syswrite $s, $c->{out};
				if (defined $n) { substr($c->{out}, 0, $n) = '' }
				elsif ($! != EAGAIN && $! != EWOULDBLOCK) { $c->{out} = '' }
				$poll->mask($s => POLLIN) unless length $c->{out};
				next;
			}
			my $n = sysread $s, $c->{in}, 65536, length $c->{in};
			next if $n || (!defined $n && ($! == EAGAIN || $! == EWOULDBLOCK));
			$poll->remove($s);
			delete $by_socket{$s};
			push @answers, finish($c, $start);
			$c->{next} = time + $o{pause};
			push @idle, $c;
		}
	}
	return @answers;
}

sub run
{
	my ($tally, %o) = @_;
	my $file = $tally->dir . '/crowd.answers';
	my $start = time;
	my $pid = fork() // die "Crowd: fork: $!\n";

	if ($pid == 0)
	{
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		$SIG{PIPE} = 'IGNORE';
		my $well = eval {
			nstore([ clients($tally, $start, %o) ], $file); 1 };
		print STDERR "Crowd: $@" unless $well;
		_exit($well ? 0 : 1);
	}
	$tally->{proc}{crowd} = $pid;
	for my $at (@{ $o{at} // [] })
	{
		my $left = $start + $at->[0] - time;
		sleep $left if $left > 0;
		$at->[1]->($start);
	}
	waitpid $pid, 0;
	delete $tally->{proc}{crowd};
	die "Crowd: the clients failed\n" if $? != 0;
	return { answers => retrieve($file), start => $start, end => time };
}

# percentile(p, numbers) -- in milliseconds, of seconds.
sub percentile
{
	my ($p, @n) = @_;
	return 1000 * Probe::percentile($p, @n);
}

1;
