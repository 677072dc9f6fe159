#!/usr/bin/perl
# events.pl -- sample events for the demo: page views and purchases of a shop.
#
#     events.pl DIR COUNT FIRST_DAY DAYS
#
# writes COUNT events over DAYS days from FIRST_DAY (YYYY-MM-DD) on into
# DIR/0001.json, DIR/0002.json, ...: bodies of 1,000 events each, to be posted
# to /3.0/projects/ID/events.
#
# The same arguments give the same events, whatever the machine: the random
# numbers are our own.  Each event has a uniqueness token, so that a body may
# be sent again when its answer was lost.
use strict;
use warnings;
use Time::Local qw(timegm);
use POSIX qw(strftime);

use constant PER_BODY => 1000;

my ($dir, $count, $first_day, $days) = @ARGV;
die "usage: events.pl DIR COUNT FIRST_DAY DAYS\n" unless defined $days;
my ($y, $m, $d) = $first_day =~ /^(\d{4})-(\d\d)-(\d\d)$/
	or die "events.pl: \"$first_day\" is no day\n";
my $first = timegm(0, 0, 0, $d, $m - 1, $y);

# A linear congruential generator (Numerical Recipes), upper bits.
my $state = 20240229;
sub random
{
	$state = ($state * 1664525 + 1013904223) % 4294967296;
	return $state / 4294967296;
}

# pick([weight, value]...) -- a value, as often as its weight says.
sub pick
{
	my $sum = 0;
	$sum += $_->[0] for @_;
	my $left = random() * $sum;
	for (@_)
	{
		$left -= $_->[0];
		return $_->[1] if $left < 0;
	}
	return $_[-1][1];
}

my @browsers = ([ 52, 'Chrome' ], [ 18, 'Safari' ], [ 13, 'Firefox' ],
	[ 9, 'Edge' ], [ 4, 'Samsung Internet' ], [ 2, 'Opera' ], [ 2, undef ]);
my @countries = ([ 30, 'US' ], [ 15, 'DE' ], [ 12, 'GB' ], [ 11, 'FR' ],
	[ 9, 'JP' ], [ 8, 'BR' ], [ 6, 'IN' ], [ 5, 'CZ' ], [ 4, 'AU' ]);
my @pages = ([ 30, '/' ], [ 25, '/tea' ], [ 15, '/tea/green' ],
	[ 10, '/cups' ], [ 10, '/search' ], [ 6, '/cart' ], [ 4, '/help' ]);
my @items = ([ 5, [ 'green tea', 6.5 ] ], [ 4, [ 'black tea', 5.25 ] ],
	[ 2, [ 'cup', 12 ] ], [ 1, [ 'pot', 38.9 ] ]);

# Fewer come at the weekend; a few more each week.
my @day_weights = map {
	my $weekday = (gmtime($first + $_ * 86400))[6];
	[ ($weekday == 0 || $weekday == 6 ? 60 : 100) + $_, $_ ];
} 0 .. $days - 1;

sub instant
{
	my ($day) = @_;
	# two draws: the middle of the day is busier than its ends
	my $second = int((random() + random()) / 2 * 86400);
	my $ms = int(random() * 1000);
	return strftime('%Y-%m-%dT%H:%M:%S', gmtime($first + $day * 86400 + $second))
		. sprintf('.%03dZ', $ms);
}

sub text { return defined $_[0] ? "\"$_[0]\"" : 'null' }

# event(n) -- (collection, JSON) of the n-th
sub event
{
	my ($n) = @_;
	my $browser = pick(@browsers);
	my $keen = '"keen":{"timestamp":"' . instant(pick(@day_weights))
		. "\",\"uniqueness_token\":\"demo-$n\"}";
	my $user = sprintf '"user":{"id":%d,"country":"%s"}',
		1 + int(random() ** 2 * 5000), pick(@countries);

	# One visitor, once: a group that is in every bucket of a series all the
	# same.
	$browser = 'Lynx' if $n == 4711;

	if ($n % 20 == 0)
	{
		my ($item, $price) = @{ pick(@items) };
		my $quantity = 1 + int(random() * 3);
		return ('purchases', "{\"item\":\"$item\",\"price\":$price,"
				. "\"quantity\":$quantity,$user,\"browser\":"
				. text($browser) . ",$keen}");
	}
	return ('page_views', '{"page":"' . pick(@pages) . '","browser":'
			. text($browser) . sprintf(',"load_ms":%d,', 80 + random() ** 3 * 4000)
			. "$user,$keen}");
}

for (my $n = 0, my $body = 1; $n < $count; $body++)
{
	my %events;
	for (1 .. PER_BODY)
	{
		last if $n >= $count;
		my ($collection, $json) = event(++$n);
		push @{ $events{$collection} }, $json;
	}
	my $path = sprintf '%s/%04d.json', $dir, $body;
	open my $fh, '>', $path or die "events.pl: $path: $!\n";
	print $fh '{', join(',', map {
		"\"$_\":[" . join(',', @{ $events{$_} }) . ']'
	} sort keys %events), '}';
	close $fh or die "events.pl: $path: $!\n";
}
