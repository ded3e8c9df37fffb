// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"time"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/image/draw"
)

const (
	imageWidth  = 192
	imageHeight = 48
)

type model struct {
	name    string
	labels  []string
	session *ort.DynamicAdvancedSession
}

func openRuntime(library string) error {
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(); err != nil {
		return err
	}
	return ort.DisableTelemetry()
}

// A session of one thread, as all peers have it.
func loadModel(name, path string, labels []string) (*model, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(1); err != nil {
		return nil, err
	}
	if err := options.SetInterOpNumThreads(1); err != nil {
		return nil, err
	}
	inputs, outputs, err := ort.GetInputOutputInfo(path)
	if err != nil {
		return nil, err
	}
	session, err := ort.NewDynamicAdvancedSession(path, []string{inputs[0].Name}, []string{outputs[0].Name}, options)
	if err != nil {
		return nil, err
	}
	return &model{name: name, labels: labels, session: session}, nil
}

// The scores of the one row.
func (m *model) run(shape []int64, data []float32) ([]float32, error) {
	input, err := ort.NewTensor(ort.NewShape(shape...), data)
	if err != nil {
		return nil, err
	}
	defer input.Destroy()
	output, err := ort.NewEmptyTensor[float32](ort.NewShape(1, int64(len(m.labels))))
	if err != nil {
		return nil, err
	}
	defer output.Destroy()
	if err := m.session.Run([]ort.Value{input}, []ort.Value{output}); err != nil {
		return nil, err
	}
	return output.GetData(), nil
}

func (m *model) answer(scores []float32, began time.Time) answer {
	best := 0
	for i, score := range scores {
		if score > scores[best] {
			best = i
		}
	}
	return answer{Result: m.labels[best], Confidence: scores[best], Model: m.name, ModelVersion: "1",
		LatencyMs: float64(time.Since(began).Microseconds()) / 1e3}
}

func softmax(scores []float32) {
	most := scores[0]
	for _, score := range scores {
		most = max(most, score)
	}
	var sum float64
	for i, score := range scores {
		power := math.Exp(float64(score - most))
		scores[i] = float32(power)
		sum += power
	}
	for i := range scores {
		scores[i] = float32(float64(scores[i]) / sum)
	}
}

func imageTensor(body []byte) ([]float32, error) {
	source, _, err := image.Decode(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	scaled := image.NewRGBA(image.Rect(0, 0, imageWidth, imageHeight))
	draw.BiLinear.Scale(scaled, scaled.Bounds(), source, source.Bounds(), draw.Src, nil)
	const plane = imageWidth * imageHeight
	pixels := make([]float32, 3*plane)
	for i := range plane {
		for channel := range 3 {
			pixels[channel*plane+i] = (float32(scaled.Pix[4*i+channel])/255 - 0.5) / 0.5
		}
	}
	return pixels, nil
}
