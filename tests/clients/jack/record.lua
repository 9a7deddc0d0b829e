-- Ardour, told by the environment: a session at FOLDER with a stereo track for each of TRACKS (name=port,port ...) that
-- records SECONDS of it. What it prints is read by recorders.py.
local function fail (text) print ("FAILED " .. text); os.exit (1) end

local backend = AudioEngine:set_backend ("JACK", "ardour", "")
if not backend or backend:isnil () then fail ("no JACK backend") end
local session = create_session (os.getenv ("FOLDER"), "stems", tonumber (os.getenv ("RATE")))
if not session then fail ("no session") end

-- Else Ardour connects each new track to JACK's own inputs too, in a thread of its own, now before and now after us.
ARDOUR.config ():set_input_auto_connect (ARDOUR.AutoConnectOption.ManualConnect)
local tracks = {}
for name, left, right in string.gmatch (os.getenv ("TRACKS"), "(%S+)=(%S+),(%S+)") do
  local made = session:new_audio_track (2, 2, nil, 1, name, ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true)
  for track in made:iter () do
    for channel, port in ipairs ({ left, right }) do
      local input = track:input ():nth (channel - 1)
      input:disconnect_all ()
      if input:connect (port) ~= 0 then fail ("cannot connect " .. port) end
    end
    track:to_track ():rec_enable_control ():set_value (1, PBD.GroupControlDisposition.NoGroup)
    tracks[name] = track
  end
end

sleep (1)
session:maybe_enable_record (false)
session:request_roll (ARDOUR.TransportRequestSource.TRS_UI)
local rate, seconds = session:nominal_sample_rate (), tonumber (os.getenv ("SECONDS"))
local before, still = -1, 0
while session:transport_sample () < rate * seconds do
  still = session:transport_sample () == before and still + 1 or 0
  if still == 100 then fail ("the transport does not roll") end
  before = session:transport_sample ()
  sleep (0.05)
end
session:request_stop (false, false, ARDOUR.TransportRequestSource.TRS_UI)
for _ = 1, 200 do
  if not session:actively_recording () and not session:transport_rolling () then break end
  sleep (0.05)
end
sleep (1)
session:disable_record (false, false)
for name, track in pairs (tracks) do
  local latency = track:input ():nth (0):private_latency_range (false)
  print ("LATENCY", name, latency.min, latency.max)
  for region in track:to_track ():playlist ():region_list ():iter () do
    print ("REGION", name, region:position ():samples (), region:start ():samples (), region:length ():samples ())
  end
end
session:save_state ("", false, false, false, false, false)
print ("DONE")
close_session ()
quit ()
