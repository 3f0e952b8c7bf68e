namespace OvirtSpm.Lab.Hosts;

/// <summary>How often each failure is tried in a row: once, or as <c>SPM_LAB_ROUNDS</c> says.</summary>
internal static class LabRounds
{
    private static readonly int Count = int.TryParse(Environment.GetEnvironmentVariable("SPM_LAB_ROUNDS"), out var count) ? count : 1;

    public static async Task InARowAsync(Func<Task> round)
    {
        for (var number = 1; number <= Count; number++)
        {
            await round();
        }
    }
}
