# Records.pm
#     FastCGI as bytes, right or wrong, and a socket to send them to.
#
#     use Records;
#     my $s = dial('/run/tally/write.sock');
#     send_all($s, join '', request('GET', '/health/live', '', ''));
#     print answer($s, 3);
package Records;

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);
use Time::HiRes qw(time);

use constant { BEGIN_REQUEST => 1, ABORT => 2, PARAMS => 4, BODY => 5,
	GET_VALUES => 9 };

our @EXPORT = qw(BEGIN_REQUEST ABORT PARAMS BODY GET_VALUES
	record begin pair request dial send_all answer);

# record(type, content, request's number) -- of at most 65,535 bytes
sub record
{
	my ($type, $content, $id) = @_;
	return pack('CCnnCC', 1, $type, $id // 1, length $content, 0, 0) . $content;
}
sub begin { return record(BEGIN_REQUEST, pack('nCx5', 1, 0)) }

# lengths below 128 take a byte, others four
sub pair
{
	my ($name, $value) = @_;
	return join('', map { length $_ < 128 ? chr length $_
				: pack 'N', length($_) | 0x80000000 } $name, $value)
		. $name . $value;
}

# request(method, uri, key, body, %more parameters) -- its records
sub request
{
	my ($method, $uri, $key, $body, %more) = @_;
	my %param = (REQUEST_METHOD => $method, REQUEST_URI => $uri,
		CONTENT_LENGTH => length $body, HTTP_AUTHORIZATION => $key, %more);
	my $params = join '', map { pair($_, $param{$_}) } sort keys %param;
	return (begin(), record(PARAMS, $params), record(PARAMS, ''),
		length $body ? record(BODY, $body) : (), record(BODY, ''));
}

# dial(path) -- a socket that does not block, or nothing.
sub dial
{
	my ($socket) = @_;
	my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $socket)
		or return;
	$s->blocking(0);
	return $s;
}

# send_all -- as far as the other side takes it within a second.
sub send_all
{
	my ($s, $bytes) = @_;
	my $end = time + 1;
	while (length $bytes && time < $end)
	{
		my $n = syswrite $s, $bytes, 65536;
		if (defined $n) { substr($bytes, 0, $n) = ''; next }
		last unless $!{EAGAIN} || $!{EWOULDBLOCK};
		IO::Select->new($s)->can_write(0.05);
	}
	return !length $bytes;
}

# answer -- until the other side closes, or the time is over.
sub answer
{
	my ($s, $wait) = @_;
	my ($in, $end) = ('', time + $wait);
	while (time < $end)
	{
		next unless IO::Select->new($s)->can_read(0.05);
		my $n = sysread $s, $in, 65536, length $in;
		last if defined $n ? $n == 0 : !($!{EAGAIN} || $!{EWOULDBLOCK});
	}
	return $in;
}

1;
