# Crowd.pm
#     Many HTTP clients in one process, each asking, waiting for its answer,
#     pausing and asking again, while things are done to the servers.
#
#     my @answers = Crowd::run($tally, seconds => 5, clients => 200,
#         pause => 0.3, ask => sub { my ($client) = @_; ($kind, $bytes) },
#         at => [ [ 1.0, sub { $tally->stall_database } ], ... ]);
#
# Each answer is {kind, status, warning, begin, took}: seconds since the start
# of the run, and how long it took; status 0 is a connection that broke.
package Crowd;

use strict;
use warnings;

use Errno qw(EAGAIN EINPROGRESS EWOULDBLOCK);
use IO::Poll qw(POLLIN POLLOUT POLLHUP POLLERR);
use Socket qw(:DEFAULT inet_aton);
use Time::HiRes qw(time);

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
	return { kind => $c->{kind}, status => $status // 0, warning => $warning,
		begin => $c->{begin} - $start, took => time - $c->{begin} };
}

sub run
{
	my ($tally, %o) = @_;
	my $poll = IO::Poll->new;
	my $start = time;
	my @at = @{ $o{at} // [] };
	my %by_socket;
	my @answers;
	my @idle = map { { next => $start + $_ * $o{pause} / $o{clients},
		number => $_ } } 1 .. $o{clients};

	local $SIG{PIPE} = 'IGNORE';
	while (1)
	{
		my $now = time;
		shift(@at)->[1]->() while @at && $now - $start >= $at[0][0];
		my $asking = $now - $start < $o{seconds};
		while ($asking && @idle && $idle[0]{next} <= $now)
		{
			my $c = shift @idle;
			@$c{qw(kind out)} = $o{ask}->($c->{number});
			@$c{qw(in begin socket)} = ('', time, open_one($tally));
			$by_socket{ $c->{socket} } = $c;
			$poll->mask($c->{socket} => POLLOUT);
		}
		last if !$asking && !%by_socket;
		die "Crowd: " . keys(%by_socket) . " without an answer\n"
			if $now - $start > $o{seconds} + 30;

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

# percentile(p, numbers) -- in milliseconds, of seconds.
sub percentile
{
	my ($p, @n) = @_;
	@n = sort { $a <=> $b } @n;
	return @n ? 1000 * $n[ int($p / 100 * $#n + 0.5) ] : 0;
}

1;
