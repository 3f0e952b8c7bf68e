using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Pool;

/// <summary>Changes the pool's rules for space: one commit.</summary>
static class SpaceSetting
{
    public static async Task<SpaceReply> SetAsync(SpmTerm term, SpaceRequest request)
    {
        Check(request);
        var result = await term.Worker.SubmitAsync("set the rules for space", draft =>
        {
            var now = SpaceTags.Parse(draft.Tags);
            var next = now with
            {
                OvercommitPercent = request.OvercommitPercent switch { null => now.OvercommitPercent, 0 => null, var percent => percent },
                ReservePercent = request.ReservePercent ?? now.ReservePercent,
                ReserveMib = request.ReserveMib ?? now.ReserveMib,
                WarnPercent = request.WarnPercent ?? now.WarnPercent,
            };
            return draft.ReplaceVgTags([.. draft.Tags.Where(SpaceTags.IsSpace)], next.ToTags());
        });
        return result is PoolResult.Done
            ? Describe(SpaceRules.Of(term.Volumes.View()))
            : throw PoolRefusals.Of(result, "the rules were not changed", term.Volumes.Group);
    }

    public static SpaceReply Describe(PoolSpace space, SpaceWatch? watch = null) => new(
        space.SizeBytes, space.FreeBytes, space.PromisedBytes, space.Rules.OvercommitPercent, space.PromiseLimitBytes, space.ReserveBytes, space.Rules.WarnPercent,
        watch?.Level.ToString().ToLowerInvariant(), watch is null ? null : Math.Round(watch.BytesPerSecond), watch?.TimeToFull(space) is { } left ? Math.Round(left.TotalSeconds) : null, space.UnseenBytes);

    /// <exception cref="Refusal">A figure makes no sense.</exception>
    public static void Check(SpaceRequest request)
    {
        void Between(long? value, long least, long most, string what)
        {
            if (value < least || value > most)
            {
                throw Refusal.Invalid($"{what} of {value} makes no sense; {least} to {most} are possible.");
            }
        }
        if (request is { OvercommitPercent: null, ReservePercent: null, ReserveMib: null, WarnPercent: null })
        {
            throw Refusal.Invalid("what is to change? Give --overcommit, --reserve or --warn.");
        }
        Between(request.OvercommitPercent, 0, SpaceTags.MostOvercommitPercent, "an over-commit percentage");
        Between(request.ReservePercent, 0, SpaceTags.MostReservePercent, "a reserve percentage");
        Between(request.ReserveMib, 0, SpaceTags.MostReserveMib, "a reserve in MiB");
        Between(request.WarnPercent, 1, 100, "a warning percentage");
    }
}
