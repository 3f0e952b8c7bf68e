namespace OvirtSpm.Node.Pool.Garbage;

/// <summary>Slots in words: <c>slots 3–5, 9</c>.</summary>
static class SlotRanges
{
    public static string Say(IEnumerable<int> slots)
    {
        var runs = new List<(int First, int Last)>();
        foreach (var slot in slots.Order())
        {
            if (runs is [.., var last] && last.Last + 1 == slot)
            {
                runs[^1] = (last.First, slot);
            }
            else
            {
                runs.Add((slot, slot));
            }
        }
        return (runs is [var one] && one.First == one.Last ? "slot " : "slots ")
            + string.Join(", ", runs.Select(run => run.First == run.Last ? $"{run.First}" : $"{run.First}–{run.Last}"));
    }
}
