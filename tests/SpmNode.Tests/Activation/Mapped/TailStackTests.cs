using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Activation.Mapped.Tail;

namespace OvirtSpm.Node.Tests.Activation.Mapped;

/// <summary>The maps above a volume's own, in a kernel that lets requests through them as a real one does.</summary>
public class TailStackTests
{
    const long Extent = 128, Size = 10 * Extent;
    static readonly MapIdentity volume = new("LVM-volume", "vg-lv", "vg", "lv");
    static readonly string guest = TailLayers.GuestOf(volume).Uuid;
    readonly FakeDeviceMapper kernel = new();

    [Fact]
    public void A_write_behind_the_end_waits_and_goes_on_into_the_new_extents()
    {
        var stack = Make(1 * Extent);
        Assert.Equal("8:0 1005", kernel.Write(guest, 5).Result);
        var (near, far) = (kernel.Write(guest, 130), kernel.Write(guest, 600));
        Assert.Equal((null, null), (near.Result, far.Result));
        Assert.Equal(new InFlight(0, 2), stack.Waiting);
        // R14: what a flush meets there.
        Assert.All(Holds(), hold => Assert.Equal((true, "error"), (hold.IsSuspended, Assert.Single(hold.Live).Type)));

        Grow(stack, 3 * Extent);
        Assert.Equal(("8:0 1130", null), (near.Result, far.Result));
        Assert.Equal(new InFlight(0, 1), stack.Waiting);
        Grow(stack, 6 * Extent);
        Assert.Equal("8:0 1600", far.Result);
        Reshape(stack);
        // R16: nothing of the guest's waited for its map's new table.
        Assert.Empty(kernel.Waits);
        Assert.Equal(4, kernel.Count);
        Assert.Equal("8:0 1600", kernel.Write(guest, 600).Result);
        // R15: the last extent is the reserve.
        Assert.Null(kernel.Write(guest, 5 * Extent).Result);
    }

    /// R15, from the first activation on: what nobody has written to may be kept back.
    [Theory]
    [InlineData(1 * Extent, 2 * Extent)]
    [InlineData((2 * Extent) + 16, (2 * Extent) + 16)]
    [InlineData((2 * Extent) + 17, (2 * Extent) + 24)]
    public void What_was_not_written_of_the_last_extent_is_the_reserve_at_once(long written, long end)
    {
        var stack = Make(3 * Extent, written);
        Assert.Equal(end * 512, stack.EndBytes);
        var (before, reserve, behind) = (kernel.Write(guest, end - 1), kernel.Write(guest, end), kernel.Write(guest, 3 * Extent));
        Assert.Equal(($"8:0 {1000 + end - 1}", null, null), (before.Result, reserve.Result, behind.Result));
        stack.Drop();
        Assert.Equal(($"8:0 {1000 + end}", "EIO"), (reserve.Result, behind.Result));
        Reshape(stack);
        Assert.Equal("ENOSPC", kernel.Write(guest, 3 * Extent).Result);
        Grow(stack, 5 * Extent);
        Reshape(stack);
        Assert.Equal(4 * Extent * 512, stack.EndBytes);
    }

    [Fact]
    public void When_no_space_comes_what_waits_goes_into_the_reserve_and_what_comes_then_meets_the_end()
    {
        var stack = Make(1 * Extent);
        Grow(stack, 3 * Extent);
        Reshape(stack);
        var (reserve, behind) = (kernel.Write(guest, (2 * Extent) + 1), kernel.Write(guest, (3 * Extent) + 1));
        stack.Drop();
        Assert.Equal(($"8:0 {1000 + (2 * Extent) + 1}", "EIO"), (reserve.Result, behind.Result));
        Reshape(stack);
        Assert.Equal("ENOSPC", kernel.Write(guest, 3 * Extent).Result);
        Assert.Equal(2, kernel.Count);

        // Space comes: from the last extent on it is held again.
        Grow(stack, 4 * Extent);
        Reshape(stack);
        Assert.Null(kernel.Write(guest, 3 * Extent).Result);
        stack.Drop();
        Reshape(stack);
        Assert.Equal("ENOSPC", kernel.Write(guest, 4 * Extent).Result);
    }

    [Fact]
    public void A_volume_that_has_all_it_may_have_holds_nothing_and_has_no_reserve()
    {
        var stack = Make(1 * Extent);
        var last = kernel.Write(guest, Size - 1);
        Grow(stack, Size);
        Assert.Equal($"8:0 {1000 + Size - 1}", last.Result);
        Reshape(stack);
        Assert.Equal(2, kernel.Count);
        Assert.Equal("ENOSPC", kernel.Write(guest, Size).Result);
    }

    [Fact]
    public void A_read_behind_the_end_fails_and_the_hold_stays()
    {
        var stack = Make(1 * Extent);
        var read = kernel.Write(guest, 500, isRead: true);
        Assert.Equal(new InFlight(1, 0), stack.Waiting);
        stack.Fail();
        Assert.Equal("EIO", read.Result);
        Assert.Null(kernel.Write(guest, 500).Result);
    }

    /// R17
    [Fact]
    public void What_waits_goes_nowhere_when_nobody_has_the_guests_map_open_any_more()
    {
        var stack = Make(1 * Extent);
        var write = kernel.Write(guest, 130);
        kernel.Set(kernel.Find(guest)! with { OpenCount = 0 });
        Grow(stack, 3 * Extent);
        Assert.Equal("EIO", write.Result);
        Reshape(stack);
        Assert.Equal("8:0 1130", kernel.Write(guest, 130).Result);
    }

    /// R11
    [Fact]
    public void Cut_off_all_that_waits_and_all_that_comes_fails()
    {
        var stack = Make(1 * Extent);
        Grow(stack, 3 * Extent);
        var write = kernel.Write(guest, 600);
        TailStack.CutOff(kernel, volume.Uuid);
        Assert.Equal("EIO", write.Result);
        Assert.Equal("EIO", kernel.Write(guest, 0).Result);
        Assert.Equal("EIO", kernel.Write(guest, 600).Result);
    }

    [Fact]
    public void It_is_not_taken_away_below_an_opener_and_nothing_is_left_when_it_is()
    {
        var stack = Make(1 * Extent);
        Grow(stack, 3 * Extent);
        Grow(stack, 5 * Extent);
        Assert.False(TailStack.TryRemove(kernel, volume));
        kernel.Set(kernel.Find(guest)! with { OpenCount = 0 });
        Assert.True(TailStack.TryRemove(kernel, volume));
        Assert.Equal(volume.Uuid, kernel.Only.Uuid);
    }

    /// A node killed before any of its steps: what waits waits on, lands where it belongs, and nothing is left behind.
    [Fact]
    public void Killed_anywhere_the_next_life_finds_what_waits_and_lets_it_go_on()
    {
        for (var killedAfter = 0; ; killedAfter++)
        {
            var machine = new TailStackTests();
            var stack = machine.Make(1 * Extent);
            List<FakeWrite> writes = [machine.kernel.Write(guest, 5), machine.kernel.Write(guest, 130), machine.kernel.Write(guest, 600)];
            var steps = 0;
            machine.kernel.Before = _ =>
            {
                if (++steps > killedAfter)
                {
                    throw new IOException("killed");
                }
            };
            var wasKilled = false;
            var has = 1 * Extent;
            try
            {
                foreach (var next in new[] { 3 * Extent, 5 * Extent })
                {
                    machine.GrowOwn(next);
                    has = next;
                    stack.Grown(next * 512);
                }
            }
            catch (IOException)
            {
                wasKilled = true;
            }
            machine.kernel.Before = null;
            var restored = TailStack.Restore(machine.kernel, volume, has * 512, Size * 512, Extent * 512);
            Assert.NotNull(restored);
            Assert.All(writes, write => Assert.True(write.Result is null || write.Result == $"8:0 {1000 + write.Sector}", $"after {killedAfter} steps: {write}: {write.Result}"));
            machine.Grow(restored, 6 * Extent);
            machine.Reshape(restored);
            Assert.All(writes, write => Assert.Equal($"8:0 {1000 + write.Sector}", write.Result));
            Assert.Equal(4, machine.kernel.Count);
            if (!wasKilled)
            {
                return;
            }
        }
    }

    /// C7, R16: whatever the kernel refuses, what waits is still seen, so that the guest's map is not made to wait for it.
    [Fact]
    public void A_growth_that_fails_anywhere_is_asked_for_again_and_nothing_that_waits_is_lost_sight_of()
    {
        for (var failing = 1; ; failing++)
        {
            var machine = new TailStackTests();
            var stack = machine.Make(1 * Extent);
            var write = machine.kernel.Write(guest, 130);
            machine.GrowOwn(3 * Extent);
            var steps = 0;
            machine.kernel.Before = _ =>
            {
                if (++steps == failing)
                {
                    throw new IOException("no memory");
                }
            };
            var failed = false;
            try
            {
                stack.Grown(3 * Extent * 512);
            }
            catch (IOException)
            {
                failed = true;
                Assert.Equal((new InFlight(0, 1), true), (stack.Waiting, stack.IsShaped));
            }
            machine.kernel.Before = null;
            stack.Grown(3 * Extent * 512);
            Assert.Equal("8:0 1130", write.Result);
            machine.Reshape(stack);
            Assert.Empty(machine.kernel.Waits);
            if (!failed)
            {
                return;
            }
            machine.kernel.Set(machine.kernel.Find(guest)! with { OpenCount = 0 });
            Assert.True(TailStack.TryRemove(machine.kernel, volume));
            Assert.Equal(1, machine.kernel.Count);
        }
    }

    /// Killed while it gives up: what waited has ended, or waits on for the next life.
    [Fact]
    public void Killed_while_it_drops_what_it_holds_the_next_life_can_finish()
    {
        for (var killedAfter = 0; ; killedAfter++)
        {
            var machine = new TailStackTests();
            var stack = machine.Make(1 * Extent);
            machine.Grow(stack, 3 * Extent);
            machine.Reshape(stack);
            var write = machine.kernel.Write(guest, (2 * Extent) + 7);
            var steps = 0;
            machine.kernel.Before = _ =>
            {
                if (++steps > killedAfter)
                {
                    throw new IOException("killed");
                }
            };
            var wasKilled = false;
            try
            {
                stack.Drop();
                machine.Reshape(stack);
            }
            catch (IOException)
            {
                wasKilled = true;
            }
            machine.kernel.Before = null;
            // Started without --tail: it holds nothing any more.
            var restored = TailStack.Restore(machine.kernel, volume, 3 * Extent * 512, Size * 512, null)!;
            machine.Reshape(restored);
            Assert.Equal($"8:0 {1000 + (2 * Extent) + 7}", write.Result);
            Assert.Equal("ENOSPC", machine.kernel.Write(guest, 3 * Extent).Result);
            Assert.Equal(2, machine.kernel.Count);
            machine.Grow(restored, 4 * Extent);
            machine.Reshape(restored);
            Assert.Equal($"8:0 {1000 + (3 * Extent)}", machine.kernel.Write(guest, 3 * Extent).Result);
            if (!wasKilled)
            {
                return;
            }
        }
    }

    [Fact]
    public void What_somebody_else_let_go_is_held_again()
    {
        var stack = Make(1 * Extent);
        var write = kernel.Write(guest, 130);
        Assert.False(stack.HoldAgain());
        kernel.Resume(Assert.Single(Holds()).Uuid);
        Assert.Equal("EIO", write.Result);
        Assert.True(stack.HoldAgain());
        write = kernel.Write(guest, 130);
        Assert.Null(write.Result);
        Grow(stack, 3 * Extent);
        Assert.Equal("8:0 1130", write.Result);
        Grow(stack, Size);
        Assert.False(stack.HoldAgain());
    }

    [Fact]
    public void What_is_not_as_we_make_it_is_not_taken_over()
    {
        Make(1 * Extent);
        var map = kernel.Find(guest)!;
        kernel.Set(map with { OpenCount = 1, Live = [map.Live[0] with { Parameters = "8:0 0" }, map.Live[1]] });
        Assert.Null(TailStack.Restore(kernel, volume, Extent * 512, Size * 512, Extent * 512));
    }

    /// <param name="written">All of it, where nobody knows better.</param>
    TailStack Make(long sectors, long? written = null)
    {
        kernel.Create(volume.Name, volume.Uuid);
        GrowOwn(sectors);
        var stack = TailStack.Make(kernel, volume, sectors * 512, (written ?? sectors) * 512, Size * 512, Extent * 512);
        kernel.Set(kernel.Find(guest)! with { OpenCount = 1 });
        return stack;
    }

    void GrowOwn(long sectors)
    {
        kernel.Load(volume.Uuid, [new MapTarget(0, sectors, "linear", "8:0 1000")], readOnly: false);
        kernel.Resume(volume.Uuid);
    }

    void Grow(TailStack stack, long sectors)
    {
        GrowOwn(sectors);
        stack.Grown(sectors * 512);
    }

    void Reshape(TailStack stack)
    {
        if (!stack.IsShaped)
        {
            stack.Reshape();
        }
    }

    IEnumerable<MapState> Holds() => kernel.List().Where(TailLayers.IsHold).Select(uuid => kernel.Find(uuid)!);
}
