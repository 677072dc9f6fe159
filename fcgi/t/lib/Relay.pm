# Relay.pm
#     A relay before PostgreSQL that loses connections as networks do: with a
#     reset, at a byte of the test's choice, or by saying nothing more.
#
#     my $relay = Relay->start($tally);
#     $tally->start_read(database => $relay->conninfo('tally_reader'));
#     $relay->cut(down => 700);   # what carries the 700th byte from now is reset
#     $relay->cut(up => 10);      # the same, of what goes to the server
#     $relay->reset_all;          # all of them, now
#     $relay->mute(1);            # takes what comes, passes nothing on
#     $relay->resets;             # how many connections were reset so far
#     $relay->drop('DateStyle');  # new connections do not ask for this setting;
#                                 # '.*': for none, 'none': for all, as they were
#
# It is a process of its own, on a port of 127.0.0.1: a unix socket has no
# resets.  TallyTest ends it with the others.
package Relay;

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(_exit);
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_LINGER);

sub start
{
	my ($class, $tally) = @_;
	my $listener = IO::Socket::INET->new(
		Listen => 128, LocalAddr => '127.0.0.1', Proto => 'tcp')
		or die "Relay: $!\n";
	socketpair my $mine, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC
		or die "Relay: $!\n";
	my $server = $tally->dir . '/run/.s.PGSQL.5432';

	my $pid = fork() // die "Relay: $!\n";
	if ($pid == 0)
	{
		close $mine;
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		$SIG{PIPE} = 'IGNORE';
		eval { serve($listener, $its, $server); 1 } or print STDERR $@;
		_exit(1);
	}
	close $its;
	$tally->{proc}{relay} = $pid;
	return bless { port => $listener->sockport, control => $mine }, $class;
}

sub conninfo
{
	my ($self, $user) = @_;
	return "host=127.0.0.1 port=$self->{port} dbname=tally user=$user";
}

# tell -- a command; what it answers, always the number of resets.
sub tell
{
	my ($self, $command) = @_;
	my $control = $self->{control};
	syswrite $control, "$command\n";
	my $answer = <$control> // die "Relay: it has ended\n";
	return $answer + 0;
}

sub cut { my ($self, $way, $bytes) = @_; return $self->tell("$way $bytes") }
sub reset_all { return $_[0]->tell('reset') }
sub mute { my ($self, $on) = @_; return $self->tell("mute $on") }
sub resets { return $_[0]->tell('count') }
sub drop { my ($self, $name) = @_; return $self->tell("drop $name") }

#-----------------------------------------------------------------------------
# In the relay's process
#-----------------------------------------------------------------------------

my ($select, %peer, %way, %left, $muted, $resets, $dropped);

# forget -- both ends; the client's with a reset where it is to be lost.
sub forget
{
	my ($s, $lost) = @_;
	my $other = $peer{$s};
	for my $end ($s, $other)
	{
		setsockopt $end, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
			if $lost && $way{$end} eq 'up';
		$select->remove($end);
		delete $peer{$end};
		delete $way{$end};
		close $end;
	}
	$resets++ if $lost;
	return;
}

sub accept_one
{
	my ($listener, $server) = @_;
	my $client = $listener->accept or return;
	my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $server);
	if (!$s)
	{
		setsockopt $client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
		close $client;
		return;
	}
	@peer{ $client, $s } = ($s, $client);
	@way{ $client, $s } = ('up', 'down');
	$select->add($client, $s);
	return;
}

# pass_on -- what came, as far as it may go.
sub pass_on
{
	my ($s) = @_;
	my $n = sysread $s, my $bytes, 65536;
	return if !defined $n && ($! == EAGAIN || $! == EINTR);
	return forget($s, 0) unless $n;
	return if $muted;
	# as many bytes as before, since their number was said
	$bytes =~ s/(-c $dropped=\S+)/' ' x length $1/ge if $way{$s} eq 'up';

	my $way = $way{$s};
	my $cut = defined $left{$way} && $left{$way} <= length $bytes;
	if ($cut)
	{
		$bytes = substr $bytes, 0, $left{$way};
		delete $left{$way};
	}
	elsif (defined $left{$way}) { $left{$way} -= length $bytes }

	my $to = $peer{$s};
	while (length $bytes)
	{
		my $sent = syswrite $to, $bytes;
		if (!defined $sent)
		{
			next if $! == EINTR;
			return forget($s, $cut);
		}
		substr($bytes, 0, $sent) = '';
	}
	forget($s, 1) if $cut;
	return;
}

sub obey
{
	my ($control) = @_;
	my $n = sysread $control, my $text, 4096;
	_exit(0) unless $n;    # the test has ended
	for (split /\n/, $text)
	{
		if (/^(up|down) (\d+)$/) { $left{$1} = $2 }
		elsif (/^mute ([01])$/) { $muted = $1 }
		elsif (/^drop (\S+)$/) { $dropped = $1 eq '.*' ? qr/\w+/ : $1 }
		elsif ($_ eq 'reset')
		{
			forget($_, 1) for grep { $way{$_} && $way{$_} eq 'up' }
				$select->handles;
		}
		syswrite $control, "$resets\n";
	}
	return;
}

sub serve
{
	my ($listener, $control, $server) = @_;
	($muted, $resets, $dropped) = (0, 0, 'none');
	$select = IO::Select->new($listener, $control);
	while (1)
	{
		for my $s ($select->can_read)
		{
			if ($s == $listener) { accept_one($listener, $server) }
			elsif ($s == $control) { obey($control) }
			# (the other end may have taken this one along)
			elsif ($peer{$s}) { pass_on($s) }
		}
	}
	return;
}

1;
