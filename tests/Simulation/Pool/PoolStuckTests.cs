namespace OvirtSpm.Simulation.Pool;

/// <summary>R27: an SPM whose storage stops answering does not keep the pool from the others.</summary>
public class PoolStuckTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    /// The lane of the leases goes on: every renewal succeeds, and without an objection the lease would be held for ever.
    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    public void A_commit_that_never_returns_ends_the_renewals_and_another_leads_within_two_leases(ulong seed)
    {
        var world = new PoolWorld(3, seed);
        new PoolClient(world, volumes: 30).Begin();
        world.RunUntil(w => w.Acknowledgements > 20, Minute, "the first extends");
        var old = world.Leader!;
        var stuckAt = TimeSpan.Zero;
        // A text is held for ever, which by R2 is all that is under way.
        old.Path.NeverReturns = io =>
        {
            var isText = io.IsWrite && world.Metadata.IsMetadata(io.Offset);
            stuckAt = isText && stuckAt == TimeSpan.Zero ? world.Scheduler.Now : stuckAt;
            return isText;
        };
        world.RunUntil(_ => stuckAt > TimeSpan.Zero, Minute, "a commit");
        var limit = world.Domain.Timing.Expiry + world.Domain.Timing.FailoverBound;
        world.RunUntil(w => w.Leader is { } now && now != old, limit, "another SPM");
        output.WriteLine(FormattableString.Invariant($"stuck commit to the next SPM: {(world.Scheduler.Now - stuckAt).TotalSeconds:0.00} s, at most {limit.TotalSeconds} s"));
        var before = world.Acknowledgements;
        world.RunUntil(w => w.Acknowledgements > before + 20, Minute, "extends by the new SPM");
        Assert.Null(old.Verbs);
    }

    /// Nothing at all answers: the role ends by the host's own clock, and what comes back much later acknowledges nothing.
    [Theory]
    [InlineData(41)]
    [InlineData(42)]
    public void When_no_I_O_answers_the_role_ends_at_the_deadline_and_nothing_is_acknowledged_after_it(ulong seed)
    {
        var world = new PoolWorld(3, seed);
        new PoolClient(world, volumes: 30).Begin();
        world.RunUntil(w => w.Acknowledgements > 20, Minute, "the first extends");
        var old = world.Leader!;
        old.Path.NeverReturns = _ => true;
        world.RunUntil(_ => old.Verbs is null, world.Domain.Timing.Expiry, "the end of the role");
        world.RunUntil(w => w.Leader is { } now && now != old, world.Domain.Timing.FailoverBound, "another SPM");
        world.RunFor(TimeSpan.FromSeconds(20));
        Assert.Null(old.Verbs);
        Assert.NotEqual("Leading", old.Node!.Role.ToString());
    }

    /// Its last life has a write in the kernel (R7), and whoever supervises it has had enough: that came out as an exception.
    [Fact]
    public void A_node_that_is_stopped_while_it_waits_for_its_former_life_ends_in_order()
    {
        var world = new PoolWorld(3, seed: 96);
        world.RunUntil(w => w.Leader is not null, Minute, "an SPM");
        var host = world.Leader!;
        new PoolClient(world, volumes: 3).Begin();
        var isStuck = false;
        host.Path.NeverReturns = io => io.IsWrite && world.Metadata.IsMetadata(io.Offset) && (isStuck = true);
        world.RunUntil(_ => isStuck, Minute, "a commit");
        host.Kill();
        host.Start();
        world.RunUntil(w => w.Stats.RestartsWithQueuedIo > 0, Minute, "the wait for the former life");
        host.Stop();
        world.RunFor(TimeSpan.FromMilliseconds(200));
        Assert.False(host.IsUp);
    }

    /// A guest's write of the last life is in the kernel. Without its entry the extents could be freed, and it would land on another volume.
    [Fact]
    public void What_a_former_life_left_active_is_not_deactivated_before_its_writes_have_returned()
    {
        var world = new PoolWorld(3, seed: 97) { GuestPauseMilliseconds = 100 };
        world.RunUntil(w => w.Leader is not null, Minute, "an SPM");
        new PoolClient(world, volumes: 3) { UsesVolumes = true }.Begin();
        PoolHost? host = null;
        foreach (var each in world.Hosts)
        {
            each.Path.NeverReturns = io =>
            {
                var isGuests = io.IsWrite && Stamp.TryParse(io.Data.Span, out _, out var at, out _) && at >= 0 && (host is null || host == each);
                host ??= isGuests ? each : null;
                return isGuests;
            };
        }

        world.RunUntil(_ => host is not null, Minute, "a guest's write");
        host!.Kill();
        host.Start();
        world.RunUntil(w => w.Stats.RestartsWithQueuedIo > 0, Minute, "the wait for the former life");
        var (left, refused) = (host.LeftServed, world.Stats.Refused);
        world.RunFor(TimeSpan.FromSeconds(5));
        Assert.True(world.Stats.Refused > refused);
        Assert.NotEmpty(left);
        Assert.Equal(left, host.LeftServed);
    }

    /// R10: it had written its entry and not yet seen the other's, which cannot be read when it starts again.
    [Fact]
    public void A_node_that_is_killed_in_the_middle_of_an_activation_does_not_serve_beside_another_host_afterwards()
    {
        var world = new PoolWorld(3, seed: 98);
        world.RunUntil(w => w.Leader is not null && w.Hosts.All(host => host.Node!.Membership.IsValid), Minute, "everybody's join");
        new PoolClient(world, volumes: 1).Begin();
        world.RunUntil(w => w.Acknowledgements > 1, Minute, "a volume");
        var volume = Guid.Parse(Assert.Single(MetadataCheck.VolumesOf(world.Group)).Name);
        var (first, second) = (world.Hosts[0], world.Hosts[1]);
        first.Post(() => _ = first.Node!.Activator.ActivateAsync($"{volume}", readOnly: false));
        world.RunUntil(_ => first.Guests.Any(guest => guest.IsServed), Minute, "the activation");
        var maps = world.Places.Spm + world.Domain.Layout.ActivationMaps.OffsetBytes;
        var isLooking = false;
        second.Path.NeverReturns = io => !io.IsWrite && io.Offset == maps && io.Length > 4096 && (isLooking = true);
        second.Post(() => _ = second.Node!.Activator.ActivateAsync($"{volume}", readOnly: false));
        world.RunUntil(_ => isLooking, Minute, "its look at the maps");
        second.Kill();
        second.Path.Reset();
        second.Path.NeverReturns = null;
        world.Disk.Rot(world.Places.Spm + world.Domain.Layout.MapOffsetBytes(first.Id, 0));
        second.Start();
        world.RunUntil(_ => second.Node?.Membership.IsValid == true, Minute, "its next life");
        Assert.DoesNotContain(second.Guests, guest => guest.IsServed);
        Assert.Contains(first.Guests, guest => guest.IsServed);
    }

    /// Both are asked for at once. The term ended with the header's error, and giving back a lease that was still being read ended the node.
    [Fact]
    public void A_header_that_cannot_be_read_while_the_lease_is_confirmed_ends_the_term_and_not_the_node()
    {
        var world = new PoolWorld(3, seed: 95);
        new PoolClient(world, volumes: 30).Begin();
        world.RunUntil(w => w.Acknowledgements > 20, Minute, "the first extends");
        var old = world.Leader!;
        var (textIsOut, isConfirming, hasFailed) = (false, false, false);
        old.Path.NeverReturns = io =>
        {
            textIsOut |= io.IsWrite && world.Metadata.IsMetadata(io.Offset) && !world.Metadata.IsHeader(io.Offset);
            if (io.IsWrite || !textIsOut || hasFailed)
            {
                return false;
            }

            if (isConfirming && world.Metadata.IsHeader(io.Offset))
            {
                io.Fails = hasFailed = true;
            }

            var isLast = !isConfirming && io.Offset == world.SpmLeaseOffset;
            isConfirming |= isLast;
            return isLast;
        };
        world.RunUntil(_ => hasFailed, Minute, "a commit");
        var before = world.Acknowledgements;
        world.RunUntil(w => w.Acknowledgements > before + 20, Minute, "extends by the next SPM");
        Assert.True(old.IsUp);
    }
}
